// SPDX-License-Identifier: Apache-2.0
// delivery_outcome.cpp: the one table of what answers mean. Rows are tried from the first to the last: what a server
// says in words goes before its enhanced status code, and that before the code of the reply, for servers choose words
// with more care than numbers (550 5.7.1 is a spam verdict, a block list and a missing reverse name).
#include "model/delivery_outcome.h"

#include <algorithm>

namespace npanel {
namespace {

constexpr auto kNpos = std::string_view::npos;

constexpr unsigned bit(Stage stage) {
  return 1U << static_cast<unsigned>(stage);
}
constexpr unsigned kAnyStage = 0;
constexpr unsigned kGreeting = bit(Stage::connect) | bit(Stage::helo);
constexpr unsigned kMail = bit(Stage::mail);
constexpr unsigned kRcpt = bit(Stage::rcpt);
constexpr unsigned kMessage = bit(Stage::data) | bit(Stage::end_of_data);

enum class Lasting : uint8_t { either, temporary, permanent };

struct Span {
  int from = -1;
  int to = -1;
  [[nodiscard]] bool has(int value) const { return value >= from && value <= to; }
};
constexpr Span kAny{.from = -1, .to = -1};
constexpr bool is_any(const Span& span) {
  return span.to < 0;
}

// A row fits when all that it names does. `words`: alternatives divided by |; in one, all pieces divided by & must be
// there, those divided by ~ in this order and within six words. A piece is whole words; a trailing * also takes their
// longer forms.
struct Row {
  Outcome outcome;
  std::string_view words = {};
  ServerFault fault = ServerFault::none;
  unsigned stages = kAnyStage;
  Lasting lasting = Lasting::either;
  Span code = kAny;
  int subject = -1;
  Span detail = kAny;
};

constexpr auto kUnknown = Outcome::unknown_recipient;
constexpr auto kLater = Outcome::deferred_recipient;
constexpr auto kContent = Outcome::content;
constexpr auto kDns = Outcome::authentication;
constexpr auto kServer = Outcome::server;
constexpr auto kLocal = Outcome::local;
constexpr auto kUnclear = Outcome::unclear;

// What our own MTA says: of Exim, src/exim_msgs and the routers' and transports' messages (spec, chapters "Routers",
// "Retry configuration", "SMTP transport"); of Postfix, smtp(8), local(8), virtual(8), error(8), bounce(5).
constexpr auto kOwnRows = std::to_array<Row>({
    // RFC 7505: the domain takes no mail. Exim: dnslookup; Postfix: "Domain … does not accept mail (nullMX)".
    {.outcome = kUnknown, .words = "indicated no smtp service|nullmx|null mx|does not accept mail"},
    // Exim: "all relevant MX records point to non-existent hosts"; Postfix: 5.4.4, "Host or domain name not found".
    {.outcome = kUnknown,
     .words = "all relevant mx records*|mx records*&non existent|host or domain name not found|host not found|domain "
              "not found|no such domain|unknown host|unknown domain|unrouteable mail domain",
     .lasting = Lasting::permanent},
    // Exim: "Unrouteable address"; the panels' routers: "No Such User Here"; Postfix: "User unknown in … table".
    {.outcome = kUnknown,
     .words =
         "unrouteable address|unroutable address|unknown user|user unknown|no such user*|no such person|no such "
         "recipient|no such mailbox|no such address|no such account|unknown recipient|recipient unknown|unknown local "
         "part|unknown virtual*|user~not exist|user doesnt exist|mailbox~not exist|mailbox doesnt exist|recipient~not "
         "exist|address~not exist|invalid recipient|user not found|mailbox not found|account not found|no mailbox here",
     .lasting = Lasting::permanent},
    // A panel's limit on what an account sends has words of its own.
    {.outcome = kLocal,
     .words = "per hour|per day|hourly|daily|sending limit*|sending mail|sending quota|mail sending|outgoing|email "
              "quota|mail quota|emails"},
    // A mailbox on this host. Exim: -22 of appendfile; Postfix: virtual(8), "over quota".
    {.outcome = kLater,
     .words = "mailbox is full|mailbox full|quota|over its quota|disk quota|mailbox_size_limit|mailbox size limit|file "
              "too big|no space left"},
    // Loops and mistakes of the configuration, before "host" and "MX" mean the other side.
    {.outcome = kLocal,
     .words = "loops back*|mail loop*|too many received|local host|points to localhost|loop detected|message "
              "size&exceeds size limit|smtputf8&required|unknown mail transport*|message content rejected"},
    // Nobody answers, or not as TLS, DNS or SMTP want it. Exim: -18, -37, -38, -53, 110, 111, 113;
    // Postfix: 4.4.1, 4.4.2,
    // 4.4.3, 4.7.4, 4.7.5.
    {.outcome = kServer,
     .words =
         "connection refused|timed out|timeout|no route to host|unreachable|lost connection|connection "
         "reset|connection closed|remote host closed|closed connection|broken pipe|could not connect|failing for a "
         "long time|retry time*|malformed smtp reply|host lookup*|name service error|host not found|host or domain "
         "name not found|name server reply|dns lookup*|tls|tls "
         "session|starttls|handshake*|certificate*|dane|tlsa|dnssec|mta sts|connection failure|connect failed|connect "
         "to|conversation with|protocol error|delivery temporarily suspended|server refused|permission denied "
         "connect|network error|failed to connect|bad file descriptor|unsupported dictionary",
     .fault = ServerFault::unreachable},
    // RFC 3463, x.4.x, but loops (x.4.6).
    {.outcome = kLocal, .subject = 4, .detail = {6, 6}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 4, .detail = {4, 4}},
    {.outcome = kServer, .fault = ServerFault::unreachable, .subject = 4},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 1, .detail = {1, 3}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 1, .detail = {10, 10}},
    {.outcome = kLater, .subject = 2, .detail = {2, 2}},
    // All else that our MTA says of itself: a router's :fail:, the error transport, a panel's limit, a filter.
    {.outcome = kLocal},
});

constexpr auto kRemoteRows = std::to_array<Row>({
    // --- In words, what would else be taken for another thing.
    // A scanner's score names its rules, "SPF_FAIL" among them (SpamAssassin, rspamd).
    {.outcome = kContent, .words = "spam score*|spamassassin*|scored~spam|spam points|rspamd"},
    // Gmail 5.7.29: a rate for mail without TLS; RFC 8689 5.7.30; RFC 7672; RFC 8314: TLS is wanted for submission.
    {.outcome = kServer,
     .words = "starttls~first|must issue a starttls|tls required|tls is required|requires tls|tls&encryption*|tls "
              "connection|encryption required|encryption&required|requiretls|tlsa|dane",
     .fault = ServerFault::unreachable},
    // What is listed is a link or a domain in the message (URIBL, SURBL, Spamhaus DBL), not this server.
    {.outcome = kContent,
     .words = "uribl*|surbl*|dbl|blacklisted url*|url~list*|url~blacklist*|url~block*|link~block*|link~list*|links&not "
              "allowed|domain~is blacklist*|domain~is blocklist*|domain present|contains~list*|sender domain "
              "listed|sender domain~blacklist*|sender domain~blocklist*|your domain~blacklist*|domain has been "
              "blacklist*|reputation of the sending domain|reputation of a domain|reputation of the domain",
     .stages = kAnyStage},

    // --- DNS: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), reverse names (RFC 1912, 2.1), sender's domain.
    // Gmail 5.7.25 to 5.7.32, Microsoft 5.7.509 and 5.7.515, Yahoo 5.7.9, Postfix reject_unknown_client_hostname.
    {.outcome = kDns,
     .words =
         "spf|dkim|dmarc|dmarcrejection|domainkeys|sender policy framework|sender id|arc&fail*|unauthenticated "
         "mail|unauthenticated email|mail is unauthenticated|email is unauthenticated|sender is "
         "unauthenticated|message is unauthenticated|authentication checks|authentication information|required "
         "authentication level|sender authentication|pass authentication|email authentication|from~aligned|alignment"},
    {.outcome = kDns,
     .words =
         "ptr|rdns|reverse dns|reverse dn|reverse host*|reverse lookup*|reverse name*|reverse mapping|reverse "
         "address|reverse ip|reverse~record|reverse resolution|inverse dns|cannot find your host*|cannot find your "
         "reverse*|unresolvable~host name|domain~mismatches~ip|unverifyable sending ips|unverifiable~ip|fcrdns|forward "
         "confirmed*|forward dns|hostname~reverse|name lookup failed|possibly forged|no dns&ip|ip~not resolve*|ip~no "
         "name|ip~hostname|ip~no host*|no hostname|generic dns|dns reverse|inverso|dns mx|mx or a*~record"},
    {.outcome = kDns,
     .words = "helo&not found|helo&not resolve*|helo&not exist|helo&fully qualified|ehlo&not resolve*|ehlo&not "
              "found|ehlo&fully qualified|helo&invalid|helo&mismatch*|helo&dns|sender address rejected~not "
              "found|sender address rejected~undeliverable|sender address&not exist|sender domain&exist*|sender "
              "domain&resol*|sender domain&not found|sender domain&dns|domain of sender*|sending "
              "domain&exist*|sender~domain not found|sender verify*|sender verification*|verify sender|verification "
              "failed for|sender callout*|unresolvable&from|cannot resolve your domain|your domain&not exist*|your "
              "domain&not resolve*|envelope sender domain*|sender&has no a|sender~no mx|sender~mx records|unroutable "
              "sender*|unrouteable sender*|cannot find your domain|mail from&dns|null mx&sender"},
    {.outcome = kDns,
     .words = "domain~not exist|domain~does not resolve|no such domain|domain not found",
     .stages = kMail},
    {.outcome = kContent, .words = "bad outbound sender"},  // Microsoft 5.1.8, as a relay
    {.outcome = kDns, .subject = 1, .detail = {8, 8}},      // RFC 3463: bad sender's system address
    {.outcome = kDns, .subject = 7, .detail = {20, 27}},    // RFC 7372; RFC 7505: 5.7.27
    {.outcome = kDns, .subject = 7, .detail = {31, 32}},    // Gmail: DMARC, alignment
    {.outcome = kDns, .subject = 7, .detail = {509, 509}},  // Microsoft: DMARC
    {.outcome = kDns, .subject = 7, .detail = {515, 515}},  // Microsoft: the level of authentication

    // --- This mailbox, later.
    {.outcome = kLater, .words = "greylist*|graylist*|grey list*|gray list*|greylisted|postgrey|sqlgrey|gris|grau"},
    // Gmail 4.2.1 and 5.2.1, Rackspace, Exchange 4.3.2: one mailbox gets too much.
    {.outcome = kLater,
     .words = "receiving mail too quickly|receiving mail at a rate|receiving~too many|recipient thread "
              "limit*|recipient~too quickly|recipient~rate limit*|recipient~receiv*~limit*|mailbox~too "
              "much|mailbox~too many|user~too many messages on|receivingrate*|for exceeding receiving limit*|exceeding "
              "receiving limit*|messages to address deferred|user~receiving~too"},
    // The destination's or a relay's load, and a relay's own limits for us: "quota" there is no mailbox's.
    {.outcome = kServer,
     .words = "throttl*|sending quota|message quota|relay quota|relay limit*|sending limit*|sending "
              "rate|daily&limit|daily~quota|hourly limit*|messages per hour|messages per day|per hour|per day|too many "
              "connections|too many concurrent*|too many sessions|too many simultaneous*|too many smtp*|too many "
              "messages|too many emails|too many mails|too many requests|too many errors|concurrent "
              "connection*|connection rate|connection limit*|connections per|per connection|connection "
              "frequency|maximum connection*|maximum number of c*|max connection*|rate limit*|ratelimit*|rate "
              "control*|rate exceeded|too fast|too quickly|slow down|slower|server busy|server is busy|servers are "
              "busy|system busy|system is busy|too busy|is busy|busy try|overload*|high load|load average|system "
              "load|under load|maximum load|excessive volume|excessive load|excessive rate|trop de connexions|too many "
              "recipients|recipients per|mail flood|try reconnecting|connection expired",
     .fault = ServerFault::load},
    // Full or closed: 5.2.2, RFC 5321 552; also with qmail's "#5.1.1".
    {.outcome = kLater,
     .words =
         "mailbox full|mailbox is full|mailbox~full|mail box full|mail box is full|full mailbox|inbox is full|inbox "
         "full|inbox is out*|folder is full|mailfolder is full|quota*|overquota|overquotaperm|exceeded storage|storage "
         "allocation|mailbox size*|mailbox limit|mailbox exceed*|mailbox has exceeded|mailbox would exceed|out of "
         "storage|storage space|storage limit*|maximum allowed storage|not enough space|not enough storage|enough "
         "space|insufficient mailbox|disk space limit|space has been used up|pleine|piena|lleno|voll|ueberfuellt"},

    // Without a doubt, whatever else is said of whom.
    {.outcome = kUnknown,
     .words = "user unknown|unknown user|no such user*|no such recipient|no such mailbox|no such address|recipient "
              "unknown|unknown recipient|recipient not found|user not found|mailbox not found|invalid mailbox|invalid "
              "recipient|mailbox unavailable|user~not exist|user doesnt exist|mailbox~not exist|account~not "
              "exist|recipientnotfound",
     .stages = kRcpt | kMessage,
     .lasting = Lasting::permanent},

    // --- Relaying and SMTP AUTH (RFC 4954): our configuration, or the domain's MX. Microsoft 5.7.64, 5.7.57; qmail's
    // rcpthosts; Postfix "Relay access denied"; Exim "relay not permitted".
    {.outcome = kServer,
     .words =
         "relay*~denied|relay*~not permitted|relay*~prohibited|relay*~not allowed|relay*~not "
         "authori*|relay*~refused|relay*~rejected|relay*~forbidden|relay*~disallowed|relay*~unauthori*|no relay*|not "
         "relay*|unable to relay|cannot relay|cant relay|dont relay|open relay|not an open*|insecure mail relay|as a "
         "relay|allowed to relay|permitted to relay|relay&authenticat*|not a gateway|we dont handle mail "
         "for|rcpthosts|rcpthost|tenantattribution|authentication required|authentication is required|auth "
         "required|requires authentication|require authentication|smtp authentication|smtp auth|must authenticate|must "
         "be authenticated|authenticate first|please authenticate|not authenticated|client was not "
         "authenticated|unauthenticated sender*|unauthenticated users|login first|please log in|authentication "
         "failed|authentication failure|authentication credentials|authentication unsuccessful|authentification "
         "requise|credentials|must check for new mail|pop before smtp|not configured to relay*|not verified|identities "
         "failed|sender identity|verified sender|i cannot deliver mail for",
     .fault = ServerFault::relay},
    {.outcome = kServer, .fault = ServerFault::relay, .code = {530, 530}},  // RFC 4954
    {.outcome = kServer, .fault = ServerFault::relay, .code = {534, 538}},
    {.outcome = kServer, .fault = ServerFault::relay, .subject = 7, .detail = {8, 8}},
    {.outcome = kServer, .fault = ServerFault::relay, .subject = 7, .detail = {57, 57}},  // Microsoft
    {.outcome = kServer, .fault = ServerFault::relay, .subject = 7, .detail = {64, 64}},

    // The verdict on a message, whatever page about addresses it points to.
    {.outcome = kContent,
     .words =
         "message~spam|mail~spam|email~spam|classified~spam|considered~spam|detected~spam|identified~spam|spam "
         "message*|spam content*|spam detected|as spam|likely spam|is spam|probable spam|virus*|malware|phish*|likely "
         "unsolicited|appears to be unsolicited|unsolicited bulk*|message~unsolicited"},

    // --- This server's address: DNS block lists (RFC 5782), reputation. Gmail 4.7.0, 4.7.28, 5.7.1; Microsoft S3140,
    // S3150, 5.7.511, 5.7.606 to 649, 4.7.500 to 699; Yahoo TSS04, BL21, BL23; Proofpoint's ipcheck; Mimecast's RBL.
    {.outcome = kServer,
     .words = "rbl|rbls|dnsbl|dnsbls|dnswl|xbl|sbl|pbl|cbl|blocklist|spamcop|barracudacentral|sorbs|uceprotect*|"
              "abuseat|invaluement|mailspike|senderscore|sender "
              "score|psbl|bl21|bl23|s3140|s3150|s775|s844|tss04|tss09|tss11|ts01|ts02|ts03|ivmsip|multi blacklist",
     .fault = ServerFault::reputation},
    {.outcome = kServer,
     .words =
         "ip~list*|ip~blacklist*|ip~blocklist*|ip~denylist*|ip~blocked|ip~banned|ip~reject*|ip~refused|ip~denied|ip~"
         "not allowed|ip~not accepted|ip~abuse|ip~reputation|ip~spam*|ip~restricted|host~blacklist*|host~block "
         "list*|host~blocked using|client host~blocked|client host~block*|client host~list*|client host "
         "rejected|client~blacklist*|client address~block*|server~blacklist*|server~is blocked|server~block "
         "list*|server~listed|network~block*|network~blacklist*|block list*|black list*|deny list*|blocked "
         "using|banned sending|banned sender|banned ip|bad ip|blocked ip|blocked~ip|block~ip|blacklisted ip|reject*~ip "
         "address|access from ip*|mail from ip|email from ip|connections from ip*|connection from ip*|messages from "
         "ip*|unusual rate|unexpected volume|user complaints|spam complaints|poor reputation|bad reputation|low "
         "reputation|none bad reputation|reputation of the sending ip|reputation of your|email reputation|reputation "
         "score|reputation problem*|due to reputation|sending mta*|sending ip~block*|sending ip~list*|sending "
         "ip~reject*|sending server*|from this ip|your mail server~block*|your mailserver|your server~block*|your "
         "server ip|your network~block*|your network~list*|part of their network|dynamic ip*|dynamically "
         "assigned|dynamic address*|dynamic~hosts|dialup|dial up|residential|open proxy|zombie*|botnet*|use the smtp "
         "server of your isp|use your isp*|permanently deferred|temporarily deferred&due|not currently accepting mail "
         "from|connections not accepted|connections will not be accepted|not accepting connections|not allowed to "
         "connect|no access from mail server|host network not allowed|confirm this mail server|go away|ip not in "
         "whitelist*|blacklisted by|blocked by&blocklist|listed at blocklist|listed on blocklist|listed in "
         "blocklist|listed by blocklist|helo domain*~list*|blocked for abuse|schwarze liste|liste noire|lista "
         "negra|lista nera|connection*~refused|connection*~dropped|connection*~reset|service refused|listed in "
         "host|listed at host|listed on host|listed by host|listed~url|spam source|spamhaus|barracuda",
     .fault = ServerFault::reputation},
    {.outcome = kServer, .fault = ServerFault::reputation, .subject = 7, .detail = {28, 28}},
    {.outcome = kServer, .fault = ServerFault::reputation, .subject = 7, .detail = {506, 508}},
    {.outcome = kServer, .fault = ServerFault::reputation, .subject = 7, .detail = {510, 511}},
    {.outcome = kServer, .fault = ServerFault::reputation, .subject = 7, .detail = {513, 514}},
    {.outcome = kServer, .fault = ServerFault::reputation, .subject = 7, .detail = {606, 649}},
    {.outcome = kServer, .fault = ServerFault::load, .subject = 7, .detail = {700, 750}},
    {.outcome = kServer,
     .fault = ServerFault::reputation,
     .lasting = Lasting::temporary,
     .subject = 7,
     .detail = {500, 899}},

    // Before it has read the message, a server speaks of whom it knows.
    {.outcome = kServer,
     .words = "spam*|blacklist*|blocklist*|denylist*|host blocked|host is blocked|network is "
              "blocked|blocked&url|refused&url|rejected&url|denied&url|see url|abuse|unsolicited|antispam*|junk*",
     .fault = ServerFault::reputation,
     .stages = kGreeting | kMail | kRcpt},

    // --- This message is unwanted. Gmail 5.7.0, 5.7.1, Yahoo [PH01], Apple [CS01], Proofpoint, Mimecast, SpamAssassin.
    {.outcome = kContent,
     .words =
         "spam|spams|spammer*|spammy|spamming|spam*like|unsolicited|uce|ube|virus*|malware|malicious*|phish*|infected|"
         "infect*|trojan*|worm|ransomware|junk|junkmail|bulk mail|bulk email|bulk "
         "advertis*|scam|advertis*|objectionable|content~reject*|content~denied|content~block*|content~refus*|content "
         "filter*|content~not allowed|content~not accept*|unacceptable content|unwanted content|prohibited "
         "content|banned content|banned file*|banned~attachment*|content polic*|content examination|rejecting mail "
         "content|mail content|message content|attachment*~not "
         "allowed|attachment*~block*|attachment*~banned|attachment*~reject*|illegal attachment|executable*|potentially "
         "dangerous|security issue|security policies|content presents|heuristic*|pattern detection|suspicious*|looks "
         "like~sp|fraud*|hoax|viagra|message~scored|bayes*|unwanted|considered unsolicited|message filtered|message "
         "has been filtered|cs01|ph01|antispam*|anti spam|detected that this "
         "message|blacklist*|blocklist*|denylist*|header based blocklist|aup|abuse detected|spoof*|impersonat*|forged"},
    // --- Sizes and forms: nothing is said of the account.
    {.outcome = kUnclear,
     .words = "message size*|size limit*|maximum message size|message too large|message too big|too large|too "
              "big|message length|line too long|line limit*|header size*|headers size*|exceeds~size|maximum email "
              "size|message exceed*|bare lf|bare newline*|8bit|8 bit data|syntax error*|command "
              "unrecognized|unrecognized command|command not recognized|bad sequence*|protocol violation*|not rfc*|rfc "
              "5322|too many hops|hop count*|routing loop*|mail loop*|loop detected|too many received|duplicate "
              "header*|missing header*|header error"},
    // A refusal for a reason of its own, of a message that it has read.
    {.outcome = kContent,
     .words = "policy reasons|policy violation|local policy|organization policy|security policy|by policy|due to "
              "policy|policy restrictions|denied by "
              "policy|message~reject*|message~refused|message~blocked|message~denied|message~declined|message~not "
              "accepted|message~prohibited|mail~reject*|mail~refused|mail~not "
              "accepted|email~reject*|email~blocked|rejected by~filter*|reject id*|filter*~reject*|contents~reject*",
     .stages = kMessage},

    // --- The sender's address, in the recipient's opinion: not their DNS, and not the recipient.
    {.outcome = kUnclear,
     .words =
         "sender address rejected|sender rejected|sender denied|sender refused|sender is not allowed|sender not "
         "allowed|sender blocked|bad sender|invalid sender|sender~not authori*|not allowed to send*|not authorized to "
         "send*|not authorised to send*|sender~blacklist*|sendernotauthenticated*|notauthorized|not permitted to "
         "send*|envelope sender|envelope blocked|from address|members only|not subscribed|only~accept*~from|refuse to "
         "receive|recipient preferences|user rules|blocked by the recipient|by recipient|sender~not "
         "exist|sender~unknown|sender~not found|challenge|backscatter|batv|null sender|bounces"},

    // --- The address does not exist. RFC 5321, 4.2.3: 550 mailbox unavailable, 551, 553; Gmail 5.1.1, 5.2.1, Microsoft
    // 5.1.10, 5.4.1, Yahoo 552 and 554 "delivery error", Proofpoint, Mimecast, qmail.
    {.outcome = kUnknown,
     .words =
         "user unknown|unknown user*|users unknown|no such user*|no such recipient*|no such mailbox|no such address|no "
         "such account|no such person|no such id|no such local*|no such alias*|no such email|no such name|no "
         "mailbox*|no mail box*|no account*|no valid recipient*|no user*|no recipient*|unknown recipient*|recipient "
         "unknown|recipient is unknown|recipient not found|recipient~not found|recipient "
         "unrecognized|recipientnotfound|recipient notfound|recipient not ok|recipient no longer*|recipient~not "
         "exist*|recipient~doesnt exist|recipient~does not exist|recipient is not "
         "accepted|recipient~denied|recipient~not allowed|recipient refused|recipient is not "
         "local|recipient~invalid|invalid recipient*|invalid mailbox*|invalid address*|invalid user*|invalid "
         "account|invalid destination|invalid to|invalid inactive user|bad recipient*|bad address*|bad "
         "destination*|bad mailbox|badrcptto|badrecipientto|validrcptto|unknown address*|address unknown|address is "
         "unknown|unknown mailbox|unknown local part|unknown alias|unknown or illegal*|unknown e mail*|unknown "
         "email*|unknown account|unknown destination|unknown virtual*|mailbox unknown|mailbox not found|mailbox~not "
         "found|mailbox unavailable|mailbox is unavailable|mailbox invalid|mailbox not present|mailbox~not "
         "exist*|mailbox~doesnt exist|mailbox name not allowed|mailbox not available|mailbox is not available|user~not "
         "exist*|user~doesnt exist|user doesnt have|user not found|user~not found|user~not known|user not active|user "
         "is not active|user missing*|user~unknown|user is inactive|account~not exist*|account~doesnt exist|account "
         "not found|account~not found|account~unknown|account~not active|account unavailable|account is "
         "unavailable|account closed|account has been closed|address~not exist*|address~doesnt exist|address not "
         "found|address~not found|address invalid|address~invalid|address not present*|address rejected|address~wrong "
         "or no*|address no longer*|undeliverable address|email~not found|email~not exist*|does not exist here|doesnt "
         "exist here|not exist here|is not a valid*|not a valid user|not a valid recipient|not a valid mailbox|not a "
         "known user|isnt a known*|not a local*|not an active*|not our customer|not known here|not known at this*|not "
         "listed in*|not in~directory|name directory|not in my~list|not in~table|no one at this*|nobody here*|no one "
         "here*|nobody by that name|no longer valid|no longer accepts|no longer available|no longer on*|no longer in "
         "use|no longer active|has moved|unroutable address|unrouteable address|null mx|nullmx|does not accept "
         "mail|mail receiving disabled|unknown host|unknown domain*|host unknown|domain~not exist|domain not "
         "found|relay recipient*|tenant or domain not found|destination addresses were unknown|cant accept "
         "user|rejected recipient*|recipients was undeliverable|inconnu*|utilisateur~inconnu|destinataire "
         "invalide|destinataire~inconnu|n existe pas|nexiste pas|unbekannt*|nicht bekannt|nicht vorhanden|existiert "
         "nicht|nicht gefunden|kein benutzer|empfaenger~unbekannt|no existe|desconocido|usuario~desconocido|non "
         "esiste|inesistente|sconosciut*|inexistent*|desconhecid*|nao existe|não existe|onbekend*|nie istnieje|nem "
         "letezik|finns inte|does not exist|doesnt exist|not "
         "exist|mailbox~unavailable|unknown~address|unknown~part|bad~recipient|non~existent|nonexistent*|unavaiable|"
         "nessun utente|could not be found|was not found|domain must exist|name or service not known|host or domain "
         "name not found|no such domain|not reachable|not found",
     .stages = kRcpt | kMessage | bit(Stage::unknown),
     .lasting = Lasting::permanent},
    // A mailbox that its owner has left: permanent as an address that never was; else later.
    {.outcome = kUnknown,
     .words = "disabled|is inactive|inactive*|deactivated|suspend*|terminated|discontinued|expired "
              "account|archived|frozen|is locked|account~locked|is closed|blocked user|user blocked",
     .stages = kRcpt | bit(Stage::unknown) | kMessage,
     .lasting = Lasting::permanent},
    {.outcome = kLater,
     .words = "disabled|inactive|suspended|locked|mailbox "
              "busy|mailbox~temporar*|account~temporar*|user~temporar*|recipient~temporar*|unverified "
              "address|recipient verif*|user lookup*|recipient lookup*|address~could not be verified|recipient~try "
              "again*|address lookup*|mailbox~unavailable|user unknown|unknown user",
     .lasting = Lasting::temporary},

    // --- The other side cannot now.
    {.outcome = kServer,
     .words = "insufficient system*|insufficient resource*|insufficient disk*|insufficient space|system storage|out of "
              "memory|resources~unavailable|resource~unavailable|resources temporarily*|resources restricted|resources "
              "not available|temporary system*|temporarily unable*|temporary server*|temporary internal*|temporary "
              "local*|temporary lookup*|temporary failure|temporary error|temporarily unavailable|service "
              "unavailable|service not available|service temporarily*|service is unavailable|service currently*|not "
              "available try*|internal error|internal server*|internal resource*|system error|system problem*|local "
              "error*|local problem*|local configuration*|configuration error|configuration problem|server "
              "error|server is down|database|queue full|queue file*|shutting down|closing transmission*|closing "
              "connection|closing channel|not accepting mail|not accepting messages|cannot accept mail|maintenance|out "
              "of service|no smtp service here|try again later closing|timed out|timeout|dns failure|dns error|dns "
              "lookup*|unable to process|unable to verify|lookup~fail*|milter*|mail system full|system full",
     .fault = ServerFault::load},

    // --- By the enhanced status code alone (RFC 3463, 5248, 7293, 7505; Microsoft's, Gmail's).
    {.outcome = kServer, .fault = ServerFault::load, .code = {421, 421}},  // RFC 5321, 3.8
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 1, .detail = {1, 4}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 1, .detail = {6, 6}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 1, .detail = {10, 10}},
    {.outcome = kUnknown, .stages = kRcpt, .lasting = Lasting::permanent, .subject = 1, .detail = {0, 0}},
    {.outcome = kLater, .stages = kRcpt, .lasting = Lasting::temporary, .subject = 1, .detail = {0, 1}},
    {.outcome = kServer, .fault = ServerFault::load, .lasting = Lasting::temporary, .subject = 1, .detail = {2, 4}},
    {.outcome = kUnclear, .subject = 1},
    {.outcome = kLater, .subject = 2, .detail = {2, 2}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 2, .detail = {1, 1}},
    {.outcome = kLater, .lasting = Lasting::temporary, .subject = 2},
    {.outcome = kUnclear, .subject = 2},
    {.outcome = kUnclear, .subject = 3, .detail = {3, 4}},
    {.outcome = kServer, .fault = ServerFault::load, .subject = 3, .detail = {1, 9}},
    {.outcome = kServer, .fault = ServerFault::load, .lasting = Lasting::temporary, .subject = 3},
    // Microsoft's directory-based edge blocking: the recipient is not in the directory.
    {.outcome = kUnknown, .stages = kRcpt, .lasting = Lasting::permanent, .subject = 4, .detail = {1, 1}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 4, .detail = {4, 4}},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 4, .detail = {310, 310}},
    {.outcome = kServer, .fault = ServerFault::unreachable, .subject = 4},
    {.outcome = kServer, .fault = ServerFault::load, .subject = 5, .detail = {3, 3}},
    {.outcome = kUnclear, .subject = 6},
    {.outcome = kUnknown, .lasting = Lasting::permanent, .subject = 7, .detail = {17, 18}},
    {.outcome = kContent, .lasting = Lasting::permanent, .subject = 7, .detail = {501, 503}},
    {.outcome = kServer, .fault = ServerFault::unreachable, .subject = 7, .detail = {4, 5}},
    {.outcome = kServer, .fault = ServerFault::unreachable, .subject = 7, .detail = {10, 11}},
    {.outcome = kServer, .fault = ServerFault::reputation, .stages = kGreeting, .subject = 7},
    {.outcome = kServer,
     .fault = ServerFault::reputation,
     .stages = kMail,
     .lasting = Lasting::temporary,
     .subject = 7},
    {.outcome = kContent, .stages = kMessage, .lasting = Lasting::permanent, .subject = 7},
    {.outcome = kLater, .stages = kRcpt | kMessage, .lasting = Lasting::temporary, .subject = 7},
    {.outcome = kUnclear, .subject = 7},

    // --- By the code of the reply and the stage (RFC 5321, 4.2.2 and 4.3.2; RFC 7504).
    {.outcome = kServer, .fault = ServerFault::reputation, .stages = kGreeting},
    {.outcome = kServer, .fault = ServerFault::unreachable, .code = {454, 454}},
    {.outcome = kUnknown, .code = {556, 556}},
    {.outcome = kServer, .fault = ServerFault::relay, .code = {521, 521}},
    {.outcome = kLater, .stages = kRcpt, .code = {450, 451}},
    {.outcome = kServer, .fault = ServerFault::load, .code = {450, 452}},
    {.outcome = kUnknown, .stages = kRcpt, .code = {551, 551}},
    {.outcome = kUnknown, .stages = kRcpt, .code = {553, 553}},
    {.outcome = kLater, .stages = kRcpt, .code = {552, 552}},
});

// Where a piece is at or behind `from`: its first byte and the byte behind it.
struct Place {
  size_t at = kNpos;
  size_t end = 0;
};

Place find_piece(std::string_view words, std::string_view piece, size_t from) {
  const bool open = piece.ends_with('*');
  if (open) piece.remove_suffix(1);
  for (size_t at = words.find(piece, from); at != kNpos; at = words.find(piece, at + 1)) {
    const size_t end = at + piece.size();
    if (words[at - 1] == ' ' && (open || words[end] == ' ')) return {.at = at, .end = end};
  }
  return {};
}

// Up to the end of the seventh word behind `from`: so far the next piece may be.
std::string_view up_to_near(std::string_view words, size_t from) {
  constexpr int kWords = 7;
  size_t end = words.find(' ', from);
  for (int i = 0; i < kWords && end != kNpos; ++i) end = words.find(' ', end + 1);
  return end == kNpos ? words : words.substr(0, end + 1);
}

// "ip~listed~blocklist", from `from` on.
bool has_in_order(std::string_view words, std::string_view pieces, size_t from) {
  const std::string_view piece = pieces.substr(0, pieces.find('~'));
  if (piece.size() == pieces.size()) return find_piece(words, piece, from).at != kNpos;
  const std::string_view rest = pieces.substr(piece.size() + 1);
  for (Place place = find_piece(words, piece, from); place.at != kNpos; place = find_piece(words, piece, place.end))
    if (has_in_order(up_to_near(words, place.end), rest, place.end)) return true;
  return false;
}

template <typename Has>
bool any_part(std::string_view list, char divider, Has has) {
  while (true) {
    const std::string_view part = list.substr(0, list.find(divider));
    if (has(part)) return true;
    if (part.size() == list.size()) return false;
    list.remove_prefix(part.size() + 1);
  }
}

bool has_all(std::string_view words, std::string_view pieces) {
  return !any_part(pieces, '&', [words](std::string_view piece) { return !has_in_order(words, piece, 1); });
}

bool speaks(const Row& row, std::string_view words) {
  return row.words.empty() ||
         any_part(row.words, '|', [words](std::string_view pieces) { return has_all(words, pieces); });
}

bool fits(const Row& row, const DeliveryFacts& facts, std::string_view words) {
  const bool permanent = facts.code == 0 ? facts.permanent : facts.code >= 500;
  const bool lasts = row.lasting == Lasting::either || permanent == (row.lasting == Lasting::permanent);
  const bool staged = row.stages == kAnyStage || (row.stages & bit(facts.stage)) != 0;
  const bool coded = is_any(row.code) || row.code.has(facts.code);
  const bool detailed =
      row.subject < 0 || (row.subject == facts.subject && (is_any(row.detail) || row.detail.has(facts.detail)));
  return lasts && staged && coded && detailed && speaks(row, words);
}

// Gmail says to whom it wishes well in each refusal, whatever it is about.
std::string without_wishes(std::string words) {
  for (const std::string_view wish : {" from spam ", " amount of spam "})
    for (size_t at = words.find(wish); at != kNpos; at = words.find(wish)) words.erase(at, wish.size() - 1);
  return words;
}

template <size_t N>
Verdict look_up(const std::array<Row, N>& table, const DeliveryFacts& facts) {
  const std::string words = without_wishes(answer_words(facts.text));
  const auto row = std::ranges::find_if(table, [&](const Row& each) { return fits(each, facts, words); });
  return row == table.end() ? Verdict{} : Verdict{.outcome = row->outcome, .fault = row->fault};
}

constexpr std::array<std::string_view, kAllOutcomes.size()> kOutcomeNames = {
    "accepted", "unknown_recipient", "deferred_recipient", "content", "authentication", "server", "local", "unclear"};

}  // namespace

std::string_view to_string(Outcome outcome) {
  return kOutcomeNames.at(static_cast<size_t>(outcome));
}

std::optional<Outcome> parse_outcome(std::string_view text) {
  for (const Outcome outcome : kAllOutcomes)
    if (text == to_string(outcome)) return outcome;
  return std::nullopt;
}

std::string_view to_string(Stage stage) {
  constexpr std::array<std::string_view, 7> kNames = {"connect", "helo",        "mail",   "rcpt",
                                                      "data",    "end_of_data", "unknown"};
  return kNames.at(static_cast<size_t>(stage));
}

Verdict verdict_of(const DeliveryFacts& facts) {
  if (facts.accepted) return {.outcome = Outcome::accepted};
  const Verdict said = facts.remote ? look_up(kRemoteRows, facts) : look_up(kOwnRows, facts);
  if (facts.asked) return said;
  // What is repeated of a destination was said to whoever came first, and is nobody else's doing.
  const bool servers = said.outcome == Outcome::server && said.fault != ServerFault::none;
  return {.outcome = Outcome::server, .fault = servers ? said.fault : ServerFault::unreachable};
}

}  // namespace npanel
