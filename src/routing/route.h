// Where a call goes: a pure function of the catalog, who calls, what was dialled and when. Each
// step says why, for operators and for RouteTest. The dial plan of the domain says what becomes of
// the call; what it leaves to the domain's own numbers goes to accounts, by number or login.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "model/ids.h"
#include "routing/dial_plan.h"
#include "routing/group_order.h"

namespace tandem::routing {

// Somebody that a call may ring.
struct Target {
    DomainId domain;  // whose account it is
    AccountId account;
    std::string number;  // its number, or its login when it has none
    std::string name;
    bool goes_on = false;  // when it does not take the call: see forwarded() in delivery.h
    int calls_max = 0;     // in so many calls it is busy; 0: never by their number
    bool of_group = false;
    bool answers_itself = false;     // its phone is to take the call without being asked: intercom
    bool one_call = false;           // it is busy in any call, and while one rings
    std::optional<TrunkId> trunk{};  // the number is outside, and reached over it; no account then
    std::optional<TrunkGroupId> trunk_group{};  // that the trunk is taken from
};

// Why a call went on from somebody whom it was meant for.
enum class ForwardReason : uint8_t { Always, Busy, NoAnswer, Unregistered };

struct Forward {
    AccountId by;        // nil: a group
    std::string number;  // its own
    std::string name;
    std::string to;  // as it was set
    ForwardReason reason = ForwardReason::Always;
    DomainId domain{};  // whose account or group it is
};

// Who calls, as whoever is called is to see it.
struct Shown {
    std::string number;
    std::string name;
    friend bool operator==(const Shown&, const Shown&) = default;
};

// Who calls, of a call that somebody has sent on: a domain that it comes to then is shown him, not
// whoever sent it.
struct Original {
    DomainId domain;
    Shown caller;
    Shown here;  // as the domain sees him that the call goes on from
};

// A queue that a call waits in until one of its agents is free.
struct QueueRef {
    DomainId domain;
    QueueId queue;
};

// Targets that ring at once, or a queue, which has none of its own. When none of them has answered,
// the next stage begins.
struct Stage {
    std::vector<Target> targets;
    std::chrono::seconds ring_for{0};  // 0: for as long as the domain lets a phone ring
    std::vector<Forward> path{};       // how the call comes to it from what was dialled
    std::optional<Shown> shown{};      // the caller there, where it is not as the route has it
    std::optional<QueueRef> queue{};
};

// Whose account or queue it is.
inline DomainId domain_of(const Stage& stage) {
    return stage.queue ? stage.queue->domain : stage.targets.front().domain;
}

// Who has dialled in the first place, as who is called sees him.
struct Origin {
    std::string number;
    bool is_inner = false;  // an account of the domain of who is called
};

// Explained: with a step for each rule that was asked, as far as explained_rules_max; slower, and
// with the same answer.
enum class Detail : uint8_t { Brief, Explained };

struct Question {
    DomainId domain;
    AccountId caller;  // nil: no account of the domain
    std::string_view dialled;
    UtcTime when;
    // What accounts have set for calls is nothing to messages.
    enum class Kind : uint8_t { Call, Message } kind = Kind::Call;
    bool anonymous = false;  // the caller hides who he is
    // Of a call that goes on: whom it was meant for, and how often it has gone on.
    std::span<const AccountId> tried{};
    size_t forwards = 0;
    const Original* original = nullptr;  // null: the caller himself
    std::optional<Origin> origin{};      // nullopt: it is the caller, as the plans leave him
    const GroupOrder* order = nullptr;   // null: nobody knows who had the last turn or call
    uint64_t dice = 0;                   // any number, another one for each call
    model::DialDirection direction = model::DialDirection::Inner;
    std::string_view caller_number{};  // of a caller without an account
    std::string_view caller_name{};
    Detail detail = Detail::Brief;
    DialPlans* plans = nullptr;  // of this catalog; null: each rule is asked, one after the other
    TrunkId trunk{};             // that the call comes over; nil: it is an account's
    bool transfers = false;      // somebody else there, who is not the caller
};

struct Step {
    std::string step;    // "normalise", "passed-over", "rule", "change", "plan", "router", "cross",
                         // "representation", "account", "refuse", "redial"
    std::string reason;  // one sentence
};

// A feature code: nobody rings, something is set, mostly for the caller's account.
struct FeatureUse {
    std::string name;    // of the code
    std::string change;  // merge patch of an entity of this kind, the account's
    std::string kind = "account_service";
    std::optional<ScheduleId> schedule{};  // no account's: it is of this schedule
};

// A feature code: the caller joins a call that is there.
struct JoinWish {
    // Hears both; is heard by the account as well; is heard by both.
    enum class Kind : uint8_t { Listen, Whisper, Barge } kind = Kind::Listen;
    AccountId account;  // whose call
};

// A call to a group whose members take turns: it begins with this one.
struct Turned {
    RingGroupId group;
    AccountId first;
    friend bool operator==(const Turned&, const Turned&) = default;
};

struct Route {
    std::vector<Stage> stages;
    int refusal = 0;             // SIP status when there are no stages, and no feature
    std::string refusal_reason;  // for the phone and the record; empty: nothing is to be told
    std::optional<Shown> shown;  // where it is not the caller's own number and name
    std::optional<FeatureUse> feature;
    std::optional<JoinWish> join;
    bool page = false;  // all of the one stage are to hear the caller, and answer by themselves
    std::vector<Step> steps;
    std::vector<Forward> forwards;     // that led to the first stage, or to the refusal
    std::optional<RingGroupId> group;  // that rings first
    std::optional<Turned> turned;      // the group that begins with the next one of its members
};

Route route(const store::Catalog& catalog, const Question& question);
// Whether it has a meaning in the plan of the domain: somebody, or a code.
bool leads_somewhere(const Route& route);
// Who calls, as the first who ring see him; null: as he is.
const Shown* first_shown(const Route& route);

// The enabled account that a sip: or tel: URI of the domain names; nullopt: none, or another host.
std::optional<Target> account_of_uri(const store::Catalog& catalog, DomainId domain,
                                     std::string_view uri);

// What was dialled without what people and phones put in for the eye: "(030) 12-34" is "0301234".
// RFC 3966 5.1.1. Texts that are no numbers stay as they are.
std::string normalised(std::string_view dialled);

}  // namespace tandem::routing
