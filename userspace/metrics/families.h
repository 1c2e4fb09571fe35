// SPDX-License-Identifier: Apache-2.0
// families.h: how does a figure become a Prometheus family?
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace npanel {

[[nodiscard]] prometheus::ClientMetric series(prometheus::MetricType type, double value,
                                              std::vector<prometheus::ClientMetric::Label> labels);

class Families {
 public:
  // A family with one series for the whole process.
  void add(prometheus::MetricType type, const std::string& name, const std::string& help, double value,
           std::vector<prometheus::ClientMetric::Label> labels = {});
  // An empty family; the reference holds until the next one.
  prometheus::MetricFamily& family(prometheus::MetricType type, const std::string& name, const std::string& help);
  // What this process costs, as npanel_<word>_cpu_seconds_total and npanel_<word>_resident_peak_bytes.
  void add_own_cost(const std::string& word);

  // Text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace npanel
