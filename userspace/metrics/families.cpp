// SPDX-License-Identifier: Apache-2.0
#include "metrics/families.h"

#include <prometheus/text_serializer.h>
#include <sys/resource.h>

namespace npanel {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric series(MetricType type, double value, std::vector<ClientMetric::Label> labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return metric;
}

void Families::add(MetricType type, const std::string& name, const std::string& help, double value,
                   std::vector<ClientMetric::Label> labels) {
  family(type, name, help).metric.push_back(series(type, value, std::move(labels)));
}

MetricFamily& Families::family(MetricType type, const std::string& name, const std::string& help) {
  MetricFamily& added = families_.emplace_back();
  added.name = name;
  added.help = help;
  added.type = type;
  return added;
}

void Families::add_own_cost(const std::string& word) {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  add(MetricType::Counter, "npanel_" + word + "_cpu_seconds_total", "CPU time of the " + word + " itself",
      seconds(own.ru_utime) + seconds(own.ru_stime));
  add(MetricType::Gauge, "npanel_" + word + "_resident_peak_bytes",
      "Largest resident set of the " + word + " since its start", static_cast<double>(own.ru_maxrss) * 1024);
}

std::string Families::text() const {
  return prometheus::TextSerializer().Serialize(families_);
}

}  // namespace npanel
