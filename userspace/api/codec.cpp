// SPDX-License-Identifier: Apache-2.0
#include "api/codec.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/clock.h"

namespace npanel {
namespace {

// What was sent, short enough for an error text and free of control characters.
std::string shown(const Json& value) {
  constexpr size_t kMost = 40;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "…";
  return text;
}

std::unexpected<Error> refused_value(const std::string& field, const std::string& wanted, const Json& value) {
  return refused(field, wanted + "; got " + shown(value));
}

std::string member_of(std::string object, const std::string& key) {
  return object.append(".").append(key);
}

// An object of numbers or null, each of which a row of `fields` knows.
template <class Numbers, class Field, size_t N>
Result<Numbers> decode_numbers(const Json& object, const std::string& name, const Field (&fields)[N], Numbers base) {
  if (!object.is_object()) return refused_value(name, "must be an object", object);
  for (const auto& [key, value] : object.items()) {
    const auto field = std::ranges::find(fields, key, [](const Field& known) { return std::string_view(known.name); });
    if (field == std::end(fields)) {
      std::string list;
      for (const Field& known : fields) list += (list.empty() ? "" : ", ") + std::string(known.name);
      return refused(member_of(name, key), "is not known here; known: " + list);
    }
    const auto number = whole(value);
    if (!number && !value.is_null()) return refused_value(member_of(name, key), range_wanted(*field), value);
    base.*(field->member) = number;
  }
  NP_TRY(check(base));
  return base;
}

}  // namespace

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Result<Json> parse_object(std::string_view body) {
  // The library keeps the last of two equal keys; a client that sends both is told instead.
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  Json json = Json::parse(body, watch, false);
  if (json.is_discarded()) return refused("body", "must be one JSON object (RFC 8259, UTF-8); it does not parse");
  if (!json.is_object()) return refused("body", std::string("must be a JSON object; got ") + json.type_name());
  if (!twice.empty()) return refused("body", "must not name a key twice; twice: " + shown(twice));
  return json;
}

Result<void> only_keys(const Json& object, std::string_view prefix, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    if (key.empty()) return refused("body", "must not have an empty key");
    std::string list;
    for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    return refused(std::string(prefix) + key, "is not known here; known: " + list);
  }
  return {};
}

std::optional<uint64_t> whole(const Json& value) {
  constexpr double kExactBelow = 9007199254740992.0;  // 2^53: each whole number below it is a double of its own
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (value.is_number_integer()) return value == 0 ? std::optional<uint64_t>(0) : std::nullopt;  // -0
  if (!value.is_number_float()) return std::nullopt;
  const auto number = value.get<double>();
  if (number < 0 || number >= kExactBelow || number != std::floor(number)) return std::nullopt;
  return static_cast<uint64_t>(number);
}

Result<uint64_t> whole_number(const Json& value, const std::string& field, uint64_t least, uint64_t most) {
  if (const auto number = whole(value); number && *number >= least && *number <= most) return *number;
  return refused_value(field, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most),
                       value);
}

Result<std::string> text_in(const Json& object, const std::string& field) {
  if (!object.contains(field)) return refused(field, "must be there, as a string");
  if (!object[field].is_string()) return refused_value(field, "must be a string", object[field]);
  return object[field].get<std::string>();
}

Result<bool> yes_or_no(const Json& value, const std::string& field) {
  if (!value.is_boolean()) return refused_value(field, "must be true or false", value);
  return value.get<bool>();
}

Result<Limits> decode_limits(const Json& object, Limits base) {
  return decode_numbers(object, "limits", kLimitFields, base);
}

Result<MailLimits> decode_mail(const Json& object, MailLimits base) {
  MailLimits limits = NP_TRY(decode_numbers(object, "mail", kMailFields, base));
  for (const auto& [messages, recipients] : kMailWindowFields)
    if (!object.contains(field_of(recipients).name) && base.*recipients == base.*messages)
      limits.*recipients = limits.*messages;
  return limits;
}

Result<SmtpLimit> decode_smtp(const Json& object, SmtpLimit base) {
  if (!object.is_object()) return refused_value("smtp", "must be an object", object);
  NP_TRY(only_keys(object, "smtp.", {"per_minute", "burst", "mode"}));
  if (object.contains("per_minute"))
    base.per_minute = static_cast<uint32_t>(
        NP_TRY(whole_number(object["per_minute"], "smtp.per_minute", 0, NP_BUCKET_PER_MINUTE_MAX)));
  if (object.contains("burst"))
    base.burst = static_cast<uint32_t>(NP_TRY(whole_number(object["burst"], "smtp.burst", 0, NP_BUCKET_BURST_MAX)));
  else if (base.per_minute == 0)
    base.burst = 0;
  if (object.contains("mode")) {
    const Json& mode = object["mode"];
    const auto parsed = mode.is_string() ? parse_smtp_mode(mode.get<std::string>()) : std::nullopt;
    if (!parsed) return refused_value("smtp.mode", R"(must be "off", "observe", "redirect" or "enforce")", mode);
    base.mode = *parsed;
  }
  NP_TRY(check(base));
  return base;
}

Result<std::optional<uid_t>> decode_uid(const Json& value, uid_t least) {
  if (value.is_null()) return std::nullopt;
  const auto number = whole(value);
  if (!number)
    return refused_value("uid", "must be a whole number from " + std::to_string(least) + " to 4294967294 or null",
                         value);
  NP_TRY(check_uid(*number, least));
  return static_cast<uid_t>(*number);
}

Result<Contact> decode_contact(const Json& object, Contact base) {
  if (!object.is_object()) return refused_value("contact", "must be an object", object);
  NP_TRY(only_keys(object, "contact.", {"email", "language"}));
  const auto take = [&](const char* key, std::optional<std::string>& to) -> Result<void> {
    if (!object.contains(key)) return {};
    const Json& value = object[key];
    if (!value.is_string() && !value.is_null())
      return refused_value(member_of("contact", key), "must be a string or null", value);
    to = value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
    return {};
  };
  NP_TRY(take("email", base.email));
  NP_TRY(take("language", base.language));
  NP_TRY(check(base));
  return base;
}

Json encode(const Limits& limits) {
  Json json = Json::object();
  for (const LimitField& field : kLimitFields) json[field.name] = or_null(limits.*field.member);
  return json;
}

Json encode(const MailLimits& limits) {
  Json json = Json::object();
  for (const MailField& field : kMailFields) json[field.name] = or_null(limits.*field.member);
  return json;
}

Json encode(const std::optional<MailRaise>& raise) {
  if (!raise) return nullptr;
  return {{"messages_per_hour", raise->messages_per_hour}, {"until", utc_time(raise->until_ms)}};
}

Json encode(const std::optional<MailThrottle>& throttle) {
  if (!throttle) return nullptr;
  return {{"cause", to_string(throttle->cause)},
          {"percent", throttle->percent},
          {"until", utc_time(throttle->until_ms)},
          {"advice", advice(outcome_of(throttle->cause))}};
}

Json encode(const Contact& contact) {
  return {{"email", contact.email ? Json(*contact.email) : Json(nullptr)},
          {"language", contact.language ? Json(*contact.language) : Json(nullptr)}};
}

Json encode(const SmtpLimit& smtp) {
  return {{"per_minute", smtp.per_minute}, {"burst", smtp.burst}, {"mode", to_string(smtp.mode)}};
}

Json encode(const Account& account) {
  return {{"name", account.name},
          {"uid", or_null(account.uid)},
          {"state", to_string(account.state)},
          {"limits", encode(account.limits)},
          {"smtp", encode(account.smtp)},
          {"mail", encode(account.mail)},
          {"raise", encode(account.raise)},
          {"contact", encode(account.contact)}};
}

Json encode(const AccountView& view) {
  Json json = encode(view.account);
  json["effective"] = {{"limits", encode(view.effective.limits)},
                       {"smtp", encode(view.effective.smtp)},
                       {"mail", encode(view.effective.mail)}};
  json["reasons"] = view.reasons;
  json["degraded"] = view.degraded;
  json["features"] = {{"cgroups_isolation", to_string(view.isolation)}, {"email_rate_limiting", to_string(view.mail)}};
  return json;
}

}  // namespace npanel
