// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/show.h"

namespace npanel {
namespace {

using nlohmann::json;

std::string percent(const json& job) {
  const json& value = field(job, "percent");
  return value.is_number() ? fixed(value.get<double>(), 0) + "%" : plain(value);
}

// A running job has a stage, an ended one a result.
std::string last_word(const json& job) {
  return plain(field(job, field(job, "state") == "running" ? "stage" : "result"), "");
}

}  // namespace

std::string jobs_view(const json& answer) {
  Table table({">ID", "KIND", "ACCOUNT", "STATE", ">DONE", "STARTED", "ENDED", "DETAIL"});
  for (const json& job : field(answer, "jobs"))
    table.add({plain(field(job, "id")), plain(field(job, "kind")), plain(field(job, "account")),
               plain(field(job, "state")), percent(job), plain(field(job, "started")), plain(field(job, "ended")),
               last_word(job)});
  return table.text();
}

std::string job_view(const json& answer) {
  Pairs pairs;
  for (const char* name : {"id", "kind", "account", "state"}) pairs.emplace_back(name, plain(field(answer, name)));
  pairs.emplace_back(
      "done", percent(answer) + " (" + plain(field(answer, "done")) + " of " + plain(field(answer, "total")) + ")");
  for (const char* name : {"stage", "started", "ended", "result"}) pairs.emplace_back(name, plain(field(answer, name)));
  if (const json& eta = field(answer, "eta_seconds"); eta.is_number())
    pairs.emplace_back("left", human_duration(eta.get<double>()));
  for (const json& line : field(answer, "log")) pairs.emplace_back("log", plain(line));
  return key_values(pairs);
}

std::string job_id_view(const json& answer) {
  return printable(plain(field(answer, "id"))) + '\n';
}

}  // namespace npanel
