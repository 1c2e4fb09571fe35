// SPDX-License-Identifier: Apache-2.0
// feature_routes.cpp: which capabilities are on, and for whom?
#include "core/feature_control.h"

namespace npanel {
namespace {

constexpr uint64_t kWhole = 100;  // percent
constexpr size_t kShown = 40;

Result<Feature> find(const std::string& name) {
  if (const auto feature = parse_feature(name)) return *feature;
  std::string known;
  for (const Feature feature : kAllFeatures) known += (known.empty() ? "" : ", ") + std::string(info(feature).name);
  return failure("there is no feature \"" + name.substr(0, kShown) + "\"; known: " + known, ENOENT);
}

Response feature(const FeatureView& view) {
  return versioned(encode(view), encode(view.feature, view.state));
}

Result<Json> version(FeatureControl& features, const Call& call) {
  const Feature which = NP_TRY(find(call.name));
  return encode(which, features.view(which).state);
}

Result<Response> list_features(FeatureControl& features, const Call&) {
  Json list = Json::array();
  for (const FeatureView& view : features.views()) list.push_back(encode(view));
  return ok({{"features", std::move(list)}});
}

Result<Response> show_feature(FeatureControl& features, const Call& call) {
  const Feature which = NP_TRY(find(call.name));
  return feature(features.view(which));
}

Result<FeatureChange> decode_change(const Json& body) {
  NP_TRY(only_keys(body, "", {"enabled", "mode", "rollout"}));
  FeatureChange change;
  if (body.contains("enabled")) change.enabled = NP_TRY(yes_or_no(body["enabled"], "enabled"));
  if (body.contains("mode")) {
    const std::string mode = NP_TRY(text_in(body, "mode"));
    change.mode = parse_feature_mode(mode);
    if (!change.mode) return refused("mode", R"(must be "observe" or "enforce"; "enabled" switches off)");
  }
  if (body.contains("rollout"))
    change.rollout = static_cast<uint32_t>(NP_TRY(whole_number(body["rollout"], "rollout", 0, kWhole)));
  return change;
}

Result<Response> change_feature(FeatureControl& features, const Call& call) {
  const Feature which = NP_TRY(find(call.name));
  const Json body = NP_TRY(parse_object(call.request.body));
  const FeatureChange change = NP_TRY(decode_change(body));
  return feature(NP_TRY(features.change(call.caller, which, change)));
}

Result<Response> override_feature(FeatureControl& features, const Call& call) {
  const Feature which = NP_TRY(find(call.name));
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"account", "enabled"}));
  const std::string name = NP_TRY(text_in(body, "account"));
  const auto account = parse_account_name(name);
  if (!account) return refused("account", "must be the name of an account");
  if (!body.contains("enabled"))
    return refused("enabled", "must be there: true, false, or null to let the rollout decide");
  std::optional<bool> on;
  if (!body["enabled"].is_null()) on = NP_TRY(yes_or_no(body["enabled"], "enabled"));
  return feature(NP_TRY(features.set_override(call.caller, which, *account, on)));
}

}  // namespace

std::vector<Route> feature_routes(FeatureControl& features) {
  return {
      {.method = "GET", .path = "/api/v1/features", .handler = over(features, list_features)},
      {.method = "GET", .path = "/api/v1/features/*", .handler = over(features, show_feature)},
      {.method = "PATCH",
       .path = "/api/v1/features/*",
       .handler = over(features, change_feature),
       .action = "feature.change",
       .version = over(features, version),
       .done = over(features, show_feature)},
      {.method = "POST",
       .path = "/api/v1/features/*/overrides",
       .handler = over(features, override_feature),
       .action = "feature.override",
       .version = over(features, version),
       .done = over(features, show_feature)},
  };
}

}  // namespace npanel
