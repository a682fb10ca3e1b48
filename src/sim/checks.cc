// What must hold in a run, whatever happens.
#include <algorithm>

#include "call/call_snapshot.h"
#include "model/entities.h"
#include "sim/run.h"
#include "store/keys.h"

namespace tandem::sim {
namespace {

// Media is back within this after the death of a node; most of it is the time until the node runs
// again.
constexpr Duration kSoundBack = 4s;
constexpr Duration kSoundPoll = 50ms;
// The store has what it was given, and the phone its answer, within this; and after a bad time,
// when writes come again.
constexpr Duration kStoreCommit = 100ms;
constexpr Duration kStoreAgain = 3s;

bool ended_by_user(const PhoneCall& call) {
    // 481: the site had ended it before. Anything else, as 503 while a node starts, is late.
    if (call.byes_crossed || (call.bye_status >= 200 && call.bye_status < 300)) return true;
    return call.end == PhoneCallEnd::ByUs && call.bye_status != 481;
}

std::string name_of(const PhoneCall& call) {
    return "call " + call.call_id.substr(0, 12) + " of phone " + std::to_string(call.phone);
}

}  // namespace

// ---- excuses

bool Run::is_excused(size_t phone, Instant from, Instant to) const {
    return std::ranges::any_of(disturbances_, [&](const Disturbance& each) {
        return (!each.phone || *each.phone == phone) && each.from <= to && from <= each.to;
    });
}

// When what was given to the store is there for sure, unless its node dies before.
Instant Run::safe_by(Instant written) const {
    Instant safe = written + kStoreCommit;
    for (const auto& [from, to] : bad_times_) {
        if (from <= safe && to + kStoreAgain > safe) safe = to + kStoreAgain;
    }
    return safe;
}

PhoneCall* Run::call_at(const std::pair<size_t, uint64_t>& end) {
    return phones_[end.first - 1]->calls()[end.second - 1].get();
}

// ---- answered calls are in the store

bool Run::is_in_store(std::string_view call_id) {
    const auto holds = [&](const store::KeyValue& item) {
        return item.value.find(call_id) != std::string::npos;
    };
    if (std::ranges::any_of(site_.store().items("call/"), holds)) return true;
    if (std::ranges::any_of(site_.store().items("outbox/cdr/"), holds)) return true;
    return std::ranges::any_of(site_.store().history(), [&](const auto& record) {
        return record.second.find(call_id) != std::string::npos;
    });
}

void Run::on_answered(Phone& phone, PhoneCall& call) {
    if (is_in_store(call.call_id)) return world_.count("answers that were safe when told");
    world_.count("answers told before they were safe");
    const Instant lately = world_.time() - 40s;
    const bool slow = store_bad_until_ + 3s >= lately && store_bad_until_ != Instant{};
    if (slow || is_excused(phone.traits().index, lately, world_.time())) return;
    // A pause or a long way may have used up the time that the answer waits.
    if (profile_.pauses > 0 || site_.network().temper.delay_most > 50ms) return;
    world_.fail(name_of(call) + " was answered without being in the store");
}

// ---- answered calls live through a death

void Run::note_survivors(uint16_t node) {
    (void)node;
    for (const store::KeyValue& item : site_.store().items("call/")) {
        const auto snapshot = call::decode(item.value);
        if (!snapshot) {
            world_.fail("a snapshot that can't be read: " + item.key);
            continue;
        }
        if (snapshot->ringing && snapshot->way) note_ringing(*snapshot);
        if (snapshot->parties.size() != 2) continue;
        Survivor survivor;
        survivor.died = world_.time();
        bool whole = true;
        for (size_t i = 0; i < 2; ++i) {
            PhoneCall* found = nullptr;
            for (const auto& phone : phones_) {
                if (found == nullptr) found = phone->find(snapshot->parties[i].leg.call_id);
            }
            whole = whole && found != nullptr && found->is_up();
            if (!whole) break;
            survivor.ends[i] = {found->phone, found->number};
            survivor.received[i] = found->received;
            // Who heard nothing before has to be offered something first, for another reason.
            const bool hears = found->last_received + 300ms > world_.time();
            survivor.watched = survivor.watched && hears;
        }
        if (!whole) continue;
        world_.count("established calls when a node died");
        survivors_.push_back(survivor);
        const size_t index = survivors_.size() - 1;
        world_.after(100ms, [this, index] { watch_sound(index); });
    }
}

void Run::note_ringing(const call::CallSnapshot& snapshot) {
    for (const auto& phone : phones_) {
        const PhoneCall* found = phone->find(snapshot.parties.front().leg.call_id);
        // Whoever has heard nothing yet repeats his INVITE, and may begin another call by it.
        if (found == nullptr || found->rang == Instant{} || found->cancelled) continue;
        if (found->answered != Instant{} || found->is_over()) continue;
        // His connection may die with the same node, and his INVITE with it.
        if (phone->traits().over_tcp) continue;
        world_.count("ringing calls when a node died");
        ringing_survivors_.push_back({world_.time(), {found->phone, found->number}});
    }
}

// It is refused for its callee's reasons, or answered.
void Run::check_ringing_survivors() {
    for (const RingingSurvivor& each : ringing_survivors_) {
        const PhoneCall& call = *call_at(each.caller);
        if (call.answered > each.died) world_.count("ringing calls answered after a death");
        const bool is_lost = call.answered == Instant{} && !call.cancelled &&
                             (call.status == 0 || call.status >= 500) && call.status < 600;
        const bool excused = std::ranges::any_of(disturbances_, [&](const Disturbance& other) {
            const bool concerns = !other.phone || *other.phone == call.phone;
            return concerns && other.from != each.died && other.to >= each.died &&
                   other.from <= call.ended;
        });
        if (is_lost && !excused)
            world_.fail(name_of(call) + " rang, and was lost: " + std::to_string(call.status));
    }
}

// Until both sides hear each other again, or something makes that impossible.
void Run::watch_sound(size_t index) {
    Survivor& survivor = survivors_[index];
    if (!survivor.watched) return;
    PhoneCall* calls[2] = {call_at(survivor.ends[0]), call_at(survivor.ends[1])};
    bool hears = true;
    for (size_t i = 0; i < 2; ++i) {
        const PhoneCall& call = *calls[i];
        const bool talks =
            call.is_up() && !call.holding && !call.held && !call.reinviting && !call.may_go_on();
        if (!talks || site_.network().is_cut(call.phone)) survivor.watched = false;
        hears = hears && call.last_received > survivor.died + 90ms &&
                call.last_received + 200ms > world_.time();
    }
    for (const Disturbance& each : disturbances_) {
        if (each.from > survivor.died) survivor.watched = false;  // one thing at a time
    }
    for (const auto& [from, to] : bad_times_) {  // a node starts when it has read its layer
        if (from < survivor.died + kSoundBack && to > survivor.died) survivor.watched = false;
    }
    if (!survivor.watched) return;
    const Duration since = world_.time() - survivor.died;
    if (hears) {
        survivor.watched = false;
        survivor.sound_back = true;
        sound_back_.push_back(since);
        return world_.count("calls with sound again after a death");
    }
    if (since > kSoundBack) {
        survivor.watched = false;
        return world_.fail(name_of(*calls[0]) + " and " + name_of(*calls[1]) + " have no sound " +
                           std::to_string(kSoundBack / 1s) + " s after a node died");
    }
    world_.after(kSoundPoll, [this, index] { watch_sound(index); });
}

void Run::check_survivors() {
    for (const Survivor& survivor : survivors_) {
        const PhoneCall& a = *call_at(survivor.ends[0]);
        const PhoneCall& b = *call_at(survivor.ends[1]);
        if (a.may_go_on() || b.may_go_on()) {
            world_.count("calls transferred after a death");
            continue;
        }
        if (ended_by_user(a) || ended_by_user(b)) {
            world_.count("calls hung up by a user after a death");
            continue;
        }
        // Only by another one than the death that it is about.
        const bool excused = std::ranges::any_of(disturbances_, [&](const Disturbance& each) {
            const bool concerns = !each.phone || *each.phone == a.phone || *each.phone == b.phone;
            return concerns && !each.is_replacement && each.from != survivor.died &&
                   each.to >= survivor.died && each.from <= std::max(a.ended, b.ended);
        });
        if (excused) continue;
        world_.fail(name_of(a) + " and " + name_of(b) + " was lost: ends " +
                    std::to_string(static_cast<int>(a.end)) + "/" + std::to_string(a.bye_status) +
                    ", " + std::to_string(static_cast<int>(b.end)) + "/" +
                    std::to_string(b.bye_status));
    }
}

// ---- registrations

void Run::check_bindings() {
    site_.http("GET", "/api/v1/domains/sim.test/bindings", {},
               [this, asked = world_.time()](const ports::HttpResponse* response) {
                   check_bindings_reply(response, asked);
               });
}

void Run::check_bindings_reply(const ports::HttpResponse* response, Instant asked) {
    if (response == nullptr || response->status != 200) return;
    for (const auto& phone : phones_) {
        const Phone::Registration& known = phone->registration();
        if (!known.certain || known.changed >= asked) continue;
        const bool is_listed =
            response->body.find("\"" + phone->contact_uri() + "\"") != std::string::npos;
        if (known.until && *known.until > world_.time() && !is_listed) {
            world_.fail("the registration of phone " + std::to_string(phone->traits().index) +
                        " is lost");
        }
        if (!known.until && is_listed) {
            world_.fail("phone " + std::to_string(phone->traits().index) + " is still registered");
        }
        world_.count("registrations looked up");
    }
}

// ---- API writes

void Run::check_writes() {
    std::map<std::string, size_t> last;  // only the last certain one and what came after count
    for (size_t i = 0; i < writes_.size(); ++i) {
        if (writes_[i].certain) last[writes_[i].path] = i;
    }
    int open = 0;
    for (const auto& [path, index] : last) {
        ++open;
        site_.http("GET", path, {}, [&, path = path, index = index](const auto* response) {
            --open;
            const std::string body = response == nullptr ? "no answer" : response->body;
            for (size_t i = index; i < writes_.size(); ++i) {
                const Written& each = writes_[i];
                const std::string found = "\"" + each.field + "\":\"" + each.value + "\"";
                if (each.path == path && body.find(found) != std::string::npos) return;
            }
            std::string fault = "an acknowledged write is lost: ";
            fault.append(path).append(" ").append(writes_[index].value).append(", but: ");
            world_.fail(fault.append(body));
        });
    }
    wait_for([&] { return open == 0; }, 30s, "the API at the end");
}

// ---- records

void Run::check_records() {
    std::map<std::string, std::vector<const model::Cdr*>> by_call_id;
    const std::vector<model::Cdr> records = all_records();
    for (const model::Cdr& record : records) {
        std::set<std::string> ids;
        for (const model::CdrLeg& leg : record.legs) ids.insert(leg.call_id);
        for (const std::string& id : ids) by_call_id[id].push_back(&record);
        if (record.survived) world_.count("records of calls that survived a death");
        if (!record.forwards.empty()) world_.count("records of calls that were forwarded");
    }
    for (const auto& phone : phones_) {
        for (const auto& call : phone->calls()) {
            if (!call->is_caller) continue;
            check_record(*call, by_call_id[call->call_id]);
        }
    }
}

void Run::check_record(const PhoneCall& call, const std::vector<const model::Cdr*>& records) {
    const bool answered = call.answered != Instant{};
    const Instant until = answered ? call.answered : call.ended;
    // A record that was not yet in the store dies with its node, as does a call's snapshot.
    const bool excused = is_excused(call.phone, call.began, safe_by(until));
    // An INVITE that is repeated after the death of the node that had refused it makes a new call.
    const auto answers = std::ranges::count(records, model::CallResult::Answered,
                                            [](const auto* record) { return record->result; });
    if (records.size() > 1 && (!excused || answers > 1)) {
        world_.fail(name_of(call) + " has " + std::to_string(records.size()) + " CDRs");
    }
    // Nor does a snapshot keep the leg of who had transferred the call and left.
    if (records.empty() && call.may_go_on() && is_excused(call.phone, call.began, world_.time()))
        return world_.count("records without the leg of who had left before a death");
    if (records.empty()) {
        if ((answered || call.admitted) && !excused) {
            world_.fail(name_of(call) + " has no CDR; it ended with " +
                        std::to_string(call.status));
        }
        return;
    }
    world_.count("records of calls");
    const model::Cdr& record = *records.front();
    const bool says_answered = record.result == model::CallResult::Answered;
    if (answered != says_answered && !excused && !call.cancelled) {
        world_.fail(name_of(call) + ": the CDR says " +
                    std::string(model::to_string(record.result)) + ", the phone had " +
                    std::to_string(call.status));
    }
}

// ---- nothing is left

bool Run::is_clean(std::string* why) {
    bool clean = true;
    const auto note = [&](const std::string& what, double value) {
        if (value == 0) return;
        clean = false;
        if (why != nullptr) *why += what + " " + std::to_string(value) + "; ";
    };
    const auto figures = site_.figures();
    for (const char* name : {"calls", "calls_ended_and_kept", "sip_transactions", "media_contexts",
                             "media_ports_used", "calls_known"}) {
        const auto found = figures.find(name);
        if (found != figures.end()) note(name, found->second);
    }
    note("open media ports", static_cast<double>(site_.open_media_ports()));
    note("snapshots", static_cast<double>(site_.store().items("call/").size()));
    note("records in the outbox", static_cast<double>(site_.store().items("outbox/").size()));
    for (const auto& phone : phones_) {
        note("calls at a phone", phone->is_idle() ? 0 : 1);
    }
    return clean;
}

void Run::check_leftovers() {
    std::string why;
    if (is_clean(&why)) return;
    for (const store::KeyValue& item : site_.store().items("call/")) {
        const auto snapshot = call::decode(item.value);
        why += item.key;
        if (!snapshot) continue;
        for (const auto& party : snapshot->parties) why += " " + party.leg.call_id;
    }
    world_.fail("left at the end: " + why);
}

// ---- what a batch must reach

const std::vector<std::string>& rare_paths() {
    static const std::vector<std::string> paths = {
        "figure calls_restored_total",
        "calls with sound again after a death",
        "calls hung up by a user after a death",
        "ringing calls answered after a death",
        "records of calls that survived a death",
        "nodes killed that had a passive copy",
        "nodes killed in the middle of something",
        "phones: CANCEL sent",
        "phones: CANCEL crossed the 200",
        "phones: CANCEL came after the final response",
        "phones: re-INVITE answered 491",
        "phones: 491 sent",
        "phones: BYE crossed BYE",
        "phones: a 2xx came again",
        "phones: final responses sent again",
        "phones: reliable provisionals heard",
        "phones: reliable provisionals sent",
        "phones: re-INVITE without offer",
        "phones: 302 sent",
        "phones: a nonce had become stale",
        "phones: connections that ended",
        "phones: REGISTER answered 503",
        "SIP to a connection that ended",
        "answers told before they were safe",
        "figure calls_unprotected_total",
        "store: unknown outcome, was applied",
        "store: unknown outcome, was not applied",
        "store: reply lost",
        "store: refused a request",
        "writes lost with the store's node",
        "domains moved to other groups",
        "letters answered with Unreachable",
        "links cut",
        "nodes paused",
        "media packets to a closed port",
        "phones: transfers that were made",
        "phones: transfers that failed",
        "calls that a queue's agent answered",
        "answered parties that waited in a queue in vain",
        "figure sip_timeouts_total",
        "figure unknown_dialogs_total",
    };
    return paths;
}

}  // namespace tandem::sim
