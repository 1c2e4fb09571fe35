// SPDX-License-Identifier: Apache-2.0
// codec.h: how do requests and answers look as JSON?
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/account_view.h"
#include "model/audit.h"
#include "model/event.h"
#include "model/failure.h"
#include "model/feature.h"
#include "model/job.h"
#include "model/loss.h"
#include "model/mail_status.h"
#include "model/stats.h"
#include "model/unattributed.h"
#include "model/unclear_mail.h"

namespace npanel {

using Json = nlohmann::ordered_json;

// One line of UTF-8; bytes that are none are replaced.
[[nodiscard]] std::string text_of(const Json& json);

// An object without duplicate keys. The error's field is "body".
[[nodiscard]] Result<Json> parse_object(std::string_view body);
// Refuses every key that is not in `known`; `prefix` is "limits." for an inner object.
[[nodiscard]] Result<void> only_keys(const Json& object, std::string_view prefix,
                                     std::initializer_list<std::string_view> known);

// The member `field`; one that is not there is refused.
[[nodiscard]] Result<std::string> text_in(const Json& object, const std::string& field);
[[nodiscard]] Result<bool> yes_or_no(const Json& value, const std::string& field);

// JSON has one kind of number (RFC 8259, 6): 512, 512.0 and 5.12e2 are the same whole one. nullopt: it is negative, has
// a fraction, has one written beyond 2^53 - 1, or is no number.
[[nodiscard]] std::optional<uint64_t> whole(const Json& value);
// A whole number from `least` to `most`; 1.5, "1" and true are none.
[[nodiscard]] Result<uint64_t> whole_number(const Json& value, const std::string& field, uint64_t least, uint64_t most);

// `base` with what the object says; the whole is checked.
[[nodiscard]] Result<Limits> decode_limits(const Json& object, Limits base);
[[nodiscard]] Result<SmtpLimit> decode_smtp(const Json& object, SmtpLimit base);
[[nodiscard]] Result<MailLimits> decode_mail(const Json& object, MailLimits base);
[[nodiscard]] Result<Contact> decode_contact(const Json& object, Contact base);
// null is none.
[[nodiscard]] Result<std::optional<uid_t>> decode_uid(const Json& value, uid_t least);

[[nodiscard]] Json encode(const Limits& limits);
[[nodiscard]] Json encode(const SmtpLimit& smtp);
[[nodiscard]] Json encode(const MailLimits& limits);
[[nodiscard]] Json encode(const std::optional<MailRaise>& raise);
[[nodiscard]] Json encode(const std::optional<MailThrottle>& throttle);
[[nodiscard]] Json encode(const DeliveryExample& example);
[[nodiscard]] Json encode(const UnclearMail& mail);
[[nodiscard]] Json encode(const MailFinding& finding);
[[nodiscard]] Json encode(const Contact& contact);
// What the administrator said, without what is so at the moment.
[[nodiscard]] Json encode(const Account& account);
[[nodiscard]] Json encode(const AccountView& view);
[[nodiscard]] Json encode(Feature feature, const FeatureState& state);
[[nodiscard]] Json encode(const FeatureView& view);
[[nodiscard]] Json encode(const AccountStats& stats);
[[nodiscard]] Json encode(const Event& event);
[[nodiscard]] Json encode(const AuditEntry& entry);
[[nodiscard]] Json encode(const Failure& failure);
[[nodiscard]] Json encode(const AgentStatus& status);
[[nodiscard]] Json encode(const LostAccounts& lost);
[[nodiscard]] Json encode(const Job& job);
[[nodiscard]] Json encode(const MailStatus& status);  // without its refusals
[[nodiscard]] Json encode(const UnattributedMail& mail);

template <class Value>
[[nodiscard]] Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}
// For texts that are empty when there is none.
[[nodiscard]] Json or_null(const std::string& text);

}  // namespace npanel
