// What is left of a call: its CDR, and its picture for operators while it lives.
#include <algorithm>
#include <array>

#include "base/json_text.h"
#include "call/call.h"
#include "call/failure.h"
#include "model/generated/cdr.h"

namespace tandem::call {
namespace {

model::CallResult result_of(int status, bool answered) {
    if (answered) return model::CallResult::Answered;
    switch (status) {
        case 486:
        case 600:
            return model::CallResult::Busy;
        case 487:
            return model::CallResult::Cancelled;
        case 408:
        case 480:
            return model::CallResult::NoAnswer;
        case 403:
        case 404:
        case 603:
            return model::CallResult::Rejected;
        default:
            return model::CallResult::Failed;
    }
}

model::ReleasedBy released_by_of(ReleasedBy by) {
    switch (by) {
        case ReleasedBy::System:
            return model::ReleasedBy::System;
        case ReleasedBy::Caller:
            return model::ReleasedBy::Caller;
        case ReleasedBy::Callee:
            return model::ReleasedBy::Callee;
    }
    return model::ReleasedBy::System;
}

// Of a record, as its schema has them.
constexpr size_t reason_bytes_max = 256;
constexpr size_t route_steps_max = 32;
constexpr size_t legs_max = 64;

std::optional<UtcTime> when(UtcTime time) {
    return time.unix_ms == 0 ? std::nullopt : std::optional(time);
}

std::string_view media_name(ports::MediaKind kind) {
    switch (kind) {
        case ports::MediaKind::Audio:
            return "audio";
        case ports::MediaKind::Video:
            return "video";
        case ports::MediaKind::Other:
            return "other";
    }
    return "";
}

std::string encoding_of(const sdp::Media& media, const std::string& format) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> known{
        {{"0", "PCMU"}, {"3", "GSM"}, {"8", "PCMA"}, {"9", "G722"}, {"18", "G729"}}};
    for (const sdp::RtpMap& map : media.rtpmaps) {
        if (std::to_string(map.payload_type) == format) return map.encoding;
    }
    for (const auto& [number, name] : known) {
        if (number == format) return std::string(name);
    }
    return "";
}

const sdp::Media* media_at(const std::optional<sdp::Session>& session, size_t stream) {
    if (!session || stream >= session->media.size()) return nullptr;
    const sdp::Media& media = session->media[stream];
    return media.is_rtp() ? &media : nullptr;
}

// The first format of the answer that carries sound or picture (RFC 3264 6.1). An answer keeps a
// part of what was offered, so it is the shorter description of the two; when they have the same
// length, it is the phone's word that counts.
std::string codec_of(const sip::Leg& leg, size_t stream) {
    const sdp::Media* ours = media_at(leg.local_sdp(), stream);
    const sdp::Media* theirs = media_at(leg.remote_sdp(), stream);
    if (ours == nullptr || theirs == nullptr) return "";
    const sdp::Media& answer = ours->formats.size() < theirs->formats.size() ? *ours : *theirs;
    for (const std::string& format : answer.formats) {
        std::string name = encoding_of(answer, format);
        if (name != "telephone-event" && name != "CN") return name;
    }
    return "";
}

model::CdrStream stream_of(const ports::StreamStatistics& from, const sip::Leg& leg) {
    model::CdrStream stream;
    stream.media = media_name(from.kind);
    stream.codec = codec_of(leg, from.stream);
    stream.packets_received = static_cast<int64_t>(from.packets_received);
    stream.packets_sent = static_cast<int64_t>(from.packets_sent);
    stream.bytes_received = static_cast<int64_t>(from.bytes_received);
    stream.bytes_sent = static_cast<int64_t>(from.bytes_sent);
    stream.packets_lost = static_cast<int64_t>(from.packets_lost);
    stream.jitter_ms = from.jitter_ms;
    stream.mos = from.mos;
    stream.srtp = from.srtp;
    return stream;
}

model::CdrLeg leg_of(const Party& party, model::LegSide side,
                     const std::vector<ports::StreamStatistics>& statistics) {
    model::CdrLeg leg;
    leg.call_id = party.leg.call_id();
    leg.side = side;
    leg.user_agent = party.user_agent;
    leg.start = when(party.started);
    leg.answer = when(party.answered);
    leg.end = when(party.ended);
    leg.sip_status = party.status;
    leg.reason = party.reason.substr(0, reason_bytes_max);
    for (const ports::StreamStatistics& stream : statistics) {
        if (stream.termination != party.media.termination()) continue;
        leg.streams.push_back(stream_of(stream, party.leg));
    }
    return leg;
}

model::CdrParty party_of(std::string_view number, std::string_view name, AccountId account) {
    model::CdrParty party;
    party.number = number;
    party.display_name = name;
    if (!account.is_nil()) party.account = account;
    return party;
}

model::CdrTransfer transfer_of(const TransferNote& note) {
    model::CdrTransfer transfer;
    transfer.at = note.at;
    transfer.kind = note.kind;
    transfer.by = party_of(note.by.number, note.by.name, note.by.account);
    transfer.to = party_of(note.to.number, note.to.name, note.to.account);
    if (!note.other.is_nil()) transfer.other_call = note.other;
    return transfer;
}

}  // namespace

namespace {

model::ForwardReason reason_of(routing::ForwardReason reason) {
    switch (reason) {
        case routing::ForwardReason::Always:
            return model::ForwardReason::Always;
        case routing::ForwardReason::Busy:
            return model::ForwardReason::Busy;
        case routing::ForwardReason::NoAnswer:
            return model::ForwardReason::NoAnswer;
        case routing::ForwardReason::Unregistered:
            return model::ForwardReason::Unregistered;
    }
    return model::ForwardReason::Always;
}

}  // namespace

namespace {

// Who calls, as whoever is called sees it.
model::CdrParty shown_party(const CallFacts& facts) {
    if (facts.hide_caller) return {};
    if (facts.shown) return party_of(facts.shown->number, facts.shown->name, {});
    return party_of(facts.caller_number, facts.caller_name, {});
}

// What happened to a party of another domain is not this domain's to know.
template <typename T, typename IsOurs>
void keep_ours(std::vector<T>& items, const IsOurs& is_ours) {
    std::erase_if(items, [&](const T& item) { return !is_ours(item); });
}

// `reached` may be nobody.
model::CallDirection direction_of(const CallFacts& facts, const Destination* reached) {
    using model::CallDirection;
    const bool is_outgoing = reached != nullptr && reached->outside;
    if (facts.trunk.is_nil())
        return is_outgoing ? CallDirection::Outgoing : CallDirection::Internal;
    return is_outgoing ? CallDirection::Transit : CallDirection::Incoming;
}

// Of one that has joined domains.
model::CallDirection direction_of(const std::vector<Side>& sides, DomainId domain,
                                  bool is_callers) {
    using model::CallDirection;
    const auto found = std::ranges::find(sides, domain, &Side::domain);
    const bool comes_in = found != sides.end() && found->comes_in;
    const bool goes_out = found != sides.end() && found->goes_out;
    if (comes_in && goes_out) return CallDirection::Transit;
    return is_callers && !comes_in ? CallDirection::Outgoing : CallDirection::Incoming;
}

}  // namespace

std::vector<DomainId> CallValues::domains() const {
    std::vector<DomainId> all{facts_.domain};
    const auto add = [&](const Destination& to) {
        const DomainId domain = domain_of(facts_, to);
        if (std::ranges::find(all, domain) == all.end()) all.push_back(domain);
    };
    for (const auto& branch : branches_) add(branch->destination);
    for (const Destination& each : destinations_) add(each);
    if (const QueueStop* stop = queue_.refused(); stop != nullptr)
        if (std::ranges::find(all, stop->domain) == all.end()) all.push_back(stop->domain);
    for (const Side& each : sides_)  // of those who have sent it on
        if (std::ranges::find(all, each.domain) == all.end()) all.push_back(each.domain);
    return all;
}

// nil: an account that had no part in it.
DomainId CallValues::home_of(AccountId account) const {
    if (account.is_nil()) return {};
    if (account == facts_.caller_account) return facts_.domain;
    for (const auto& branch : branches_)
        if (branch->destination.account == account) return domain_of(facts_, branch->destination);
    for (const Destination& each : destinations_)
        if (each.account == account) return domain_of(facts_, each);
    for (const routing::Forward& each : forwards_)
        if (each.by == account) return each.domain;
    for (const TransferNote& each : transfer_.notes())  // whose leg went before a restart
        if (each.by.account == account) return domain_of(facts_, each.by);
    return {};
}

// Of a call that joined domains each gets a record of its own side: the other one is a number.
model::Cdr CallValues::side_of(const model::Cdr& whole, DomainId domain) const {
    model::Cdr side = whole;
    const bool is_callers = domain == facts_.domain;
    side.id = CdrId{side_id(facts_.call, domain, facts_.domain).bits};
    side.domain = domain;
    side.direction = direction_of(sides_, domain, is_callers);
    const auto is_ours = [&](const std::optional<AccountId>& account) {
        return account && home_of(*account) == domain;
    };
    keep_ours(side.legs, [&](const model::CdrLeg& leg) {
        if (leg.side == model::LegSide::Caller) return is_callers;
        return domain_of_leg(leg_of_call_id(leg.call_id)) == domain;
    });
    side.forwards.clear();
    for (size_t i = 0; i < forwards_.size() && i < whole.forwards.size(); ++i)
        if (domain_of_forward(forwards_[i]) == domain) side.forwards.push_back(whole.forwards[i]);
    keep_ours(side.queues, [&](const auto& each) { return queue_.was_in(domain, each.queue); });
    keep_ours(side.transfers, [&](const auto& each) { return is_ours(each.by.account); });
    if (!is_ours(side.callee.account)) {
        const bool is_its_number = !is_callers && !side.legs.empty();
        side.callee = is_its_number ? side.legs.front().party : model::CdrParty{};
        if (!is_its_number) side.callee.number = facts_.dialled;
        const bool has_sent_on = !is_callers && !is_its_number && !side.forwards.empty();
        if (has_sent_on) side.callee = side.forwards.front().by;
    }
    if (is_callers) return side;
    const ShownCaller caller = shown_in(domain);
    side.caller = party_of(caller.number, caller.name, {});
    side.dialled = side.callee.number;
    if (const std::string* queue = queue_.number_in(domain)) {
        const bool is_sent_on = !side.forwards.empty();
        const auto meant = is_sent_on ? side.forwards.front().by : party_of(*queue, "", {});
        side.dialled = meant.number;
        // Who was transferred to an agent had been answered by somebody else.
        const auto agent = std::ranges::find_if(
            side.legs, [](const model::CdrLeg& leg) { return leg.answer.has_value(); });
        if (!is_ours(whole.callee.account))
            side.callee = agent == side.legs.end() ? meant : agent->party;
    }
    side.route.clear();
    side.continued_in.reset();
    return side;
}

// A second record of the same id is the same record, and is dropped by the history.
std::vector<CallRecord> Call::take_records(UtcTime now) {
    if (record_taken_ || !record_due()) return {};
    record_taken_ = true;
    const model::Cdr whole = record(now);
    const std::vector<DomainId> all = domains();
    std::vector<CallRecord> records;
    for (const DomainId domain : all) {
        const model::Cdr side = all.size() == 1 ? whole : side_of(whole, domain);
        records.push_back({side.id, model::encode(side, model::Audience::Store)});
    }
    return records;
}

// All of it, as the caller's domain would have it if there were no other.
model::Cdr CallValues::record(UtcTime now) const {
    model::Cdr cdr;
    const model::CdrParty shown = shown_party(facts_);
    cdr.id = CdrId{facts_.call.bits};
    cdr.call = facts_.call;
    cdr.domain = facts_.domain;
    cdr.caller = party_of(facts_.caller_number, facts_.caller_name, facts_.caller_account);
    cdr.queues = queue_.records(answered_, ended_.unix_ms == 0 ? now : ended_);
    const Destination* reached = destinations_.empty() ? nullptr : &destinations_.front();
    // Nobody of a group was meant himself.
    if (reached != nullptr && (reached->of_group || queue_.was_used())) reached = nullptr;
    if (winner_ != 0) reached = &branches_[winner_ - 1]->destination;
    if (paging_.is_page()) reached = nullptr;  // many have: the legs name them
    // Who answered, though he may have handed the call to somebody else since.
    const auto& notes = transfer_.notes();
    const auto left = std::ranges::find_if(notes, &TransferNote::of_callee);
    if (left != notes.end()) reached = &left->by;
    if (reached != nullptr) {
        cdr.callee = party_of(reached->number, reached->name, reached->account);
    } else {
        cdr.callee.number = facts_.dialled;
    }
    cdr.direction = direction_of(facts_, reached);
    cdr.dialled = facts_.dialled;
    cdr.start = facts_.started;
    cdr.answer = when(answered_);
    cdr.end = ended_.unix_ms == 0 ? now : ended_;
    if (cdr.answer) {
        cdr.duration = std::chrono::milliseconds(cdr.end.unix_ms - cdr.answer->unix_ms);
    }
    cdr.result = result();
    cdr.sip_status = end_status_;
    cdr.reason = end_reason_.substr(0, reason_bytes_max);
    cdr.released_by = released_by_of(released_by_);
    cdr.survived = survived_;
    for (const routing::Forward& each : forwards_) {
        cdr.forwards.push_back(
            {party_of(each.number, each.name, each.by), each.to, reason_of(each.reason)});
    }
    for (const RouteStepNote& note : route_notes_) {
        if (cdr.route.size() == route_steps_max) break;
        cdr.route.push_back({note.step, note.reason.substr(0, reason_bytes_max)});
    }
    for (const TransferNote& note : notes) cdr.transfers.push_back(transfer_of(note));
    if (!continued_in_.is_nil()) cdr.continued_in = continued_in_;
    if (caller_) cdr.legs.push_back(leg_of(*caller_, model::LegSide::Caller, statistics_));
    for (const auto& branch : branches_) {
        if (branch->party.started.unix_ms == 0) continue;  // of before a restart
        const bool is_won = winner_ != 0 && branch.get() == branches_[winner_ - 1].get();
        if (cdr.legs.size() + 1 >= legs_max && !is_won) continue;
        model::CdrLeg leg = leg_of(branch->party, model::LegSide::Callee, statistics_);
        leg.party = party_of(branch->destination.number, branch->destination.name,
                             branch->destination.account);
        if (const auto& outside = branch->destination.outside) {
            leg.trunk = outside->trunk;
            leg.trunk_name = outside->trunk_name;
        }
        const auto& own = branch->destination.shown;
        const bool has_own = own && !facts_.hide_caller;
        leg.shown_number = has_own ? own->number : shown.number;
        leg.shown_name = has_own ? own->name : shown.display_name;
        cdr.legs.push_back(std::move(leg));
    }
    if (caller_) cdr.legs.front().party = cdr.caller;
    if (caller_ && !facts_.trunk.is_nil()) {
        cdr.legs.front().trunk = facts_.trunk;
        cdr.legs.front().trunk_name = facts_.trunk_name;
    }
    return cdr;
}

model::CallResult CallValues::result() const {
    return result_of(end_status_, when(answered_).has_value());
}

ports::CallSummary CallValues::whole_summary(ports::Instance owner) const {
    ports::CallSummary summary;
    summary.call = facts_.call;
    summary.domain = facts_.domain;
    summary.owner = owner;
    switch (phase_) {
        case Phase::Arriving:
        case Phase::Locating:
            summary.phase = ports::CallPhase::Routing;
            break;
        case Phase::Ringing:
            summary.phase = ports::CallPhase::Ringing;
            break;
        case Phase::Committing:
        case Phase::Established:
            summary.phase = held_ ? ports::CallPhase::Held : ports::CallPhase::Answered;
            if (!transfer_.parked_at().empty()) summary.phase = ports::CallPhase::Parked;
            break;
        case Phase::Ending:
        case Phase::Over:
            summary.phase = ports::CallPhase::Ending;
            break;
    }
    // Who waits in a queue is seen as who calls, and has nobody at his other end.
    const bool is_turned = transfer_.is_callee_waiting(*this);
    const bool is_alone = transfer_.has_seen_off(near_) || transfer_.has_seen_off(winner_);
    const auto [near_place, far_place] = places();
    const Destination near = who_is(is_turned ? far_place : near_place);
    summary.caller = near.number;
    summary.callee = is_alone ? transfer_.dialled() : facts_.dialled;
    summary.caller_account = near.account;
    const bool is_page = paging_.is_page();  // of nobody's lamps but the caller's
    if (winner_ != 0 && !is_page && !is_alone) {
        const Destination far = who_is(is_turned ? near_place : far_place);
        summary.callee_account = far.account;
        if (const auto asked = transfer_.consulted())
            summary.consulted = branches_[*asked - 1]->destination.account;
        if (std::ranges::any_of(transfer_.notes(), &TransferNote::of_callee))
            summary.callee = far.number;
    }
    summary.trunk = facts_.trunk_name;
    summary.queue = queue_.place(*this);
    for (const auto& branch : branches_) {
        const auto& outside = branch->destination.outside;
        if (outside && summary.trunk.empty()) summary.trunk = outside->trunk_name;
    }
    if (!transfer_.parked_at().empty()) summary.callee = transfer_.parked_at();
    summary.started = facts_.started;
    summary.answered = answered_;
    if (caller_) summary.call_id_headers.push_back(caller_->leg.call_id());
    for (const auto& branch : branches_) {
        if (branch->party.leg.call_id().empty()) continue;
        summary.call_id_headers.push_back(branch->party.leg.call_id());
    }
    summary.is_protected = saved_;
    if (winner_ == 0 && phase_ < Phase::Ending && !is_page) {
        for (const auto& branch : branches_) {
            const AccountId account = branch->destination.account;
            if (branch->state != BranchState::Ringing || account.is_nil()) continue;
            if (std::ranges::find(summary.ringing, account) == summary.ringing.end())
                summary.ringing.push_back(account);
        }
    }
    summary.end_status = phase_ < Phase::Ending ? 0 : end_status_;
    summary.end_reason = end_reason_.substr(0, reason_bytes_max);
    return summary;
}

namespace {

void write_streams(JsonWriter& json, const PartyMedia& media) {
    json.field("streams").begin_list();
    for (size_t i = 0; i < media.streams().size(); ++i) {
        const ports::StreamSettings& stream = media.streams()[i].settings;
        json.begin_object();
        json.field("media").value(media_name(stream.kind));
        json.field("enabled").value(stream.enabled);
        json.field("srtp").value(suite_name(stream.from_party.suite));
        json.field("remote").value(stream.remote_rtp ? stream.remote_rtp->text() : "");
        const bool known = i < media.local().size();
        json.field("local").value(known ? media.local()[i].rtp.text() : "");
        json.end_object();
    }
    json.end_list();
}

void write_party(JsonWriter& json, const Party& party) {
    json.field("call_id").value(party.leg.call_id());
    json.field("local_tag").value(party.leg.local_tag());
    json.field("remote_tag").value(party.leg.remote_tag());
    json.field("remote_target").value(party.leg.remote_target());
    json.field("leg_state").value(sip::to_string(party.leg.state()));
    json.field("remote").value(party.flow.remote.text());
    json.field("transport").value(ports::to_string(party.flow.transport));
    json.field("gate").value(static_cast<uint32_t>(party.flow.gate.number));
    json.field("user_agent").value(party.user_agent);
    json.field("sip_status").value(party.status);
    json.field("start").value(to_rfc3339(party.started));
    write_streams(json, party.media);
}

}  // namespace

std::string CallValues::detail_json(DomainId side) const {
    const bool is_whole = side.is_nil() || sides_.size() < 2;
    const bool is_callers = is_whole || side == facts_.domain;
    const auto is_ours = [&](DomainId domain) { return is_whole || domain == side; };
    JsonWriter json;
    json.begin_object();
    if (is_callers) {
        json.field("id").value(facts_.call.text());
        json.field("domain").value(facts_.domain_name);
    } else {
        json.field("id").value(side_id(facts_.call, side, facts_.domain).text());
    }
    json.field("phase").value(to_string(phase_));
    json.field("caller").value(is_callers ? facts_.caller_number : shown_in(side).number);
    json.field("dialled").value(is_callers ? facts_.dialled : summary({}, side).callee);
    json.field("start").value(to_rfc3339(facts_.started));
    if (answered_.unix_ms != 0) json.field("answer").value(to_rfc3339(answered_));
    json.field("protected").value(saved_);
    json.field("survived").value(survived_);
    json.field("held").value(held_);
    json.field("media_gate").value(static_cast<uint32_t>(media_gate_.number));
    json.field("transferring").value(transfer_.is_under_way());
    json.field("transfers").begin_list();
    for (const TransferNote& note : transfer_.notes()) {
        if (!is_ours(domain_of(facts_, note.by))) continue;
        json.begin_object().field("at").value(to_rfc3339(note.at));
        json.field("kind").value(model::to_string(note.kind));
        json.field("by").value(note.by.number);
        json.field("to").value(note.to.number).end_object();
    }
    json.end_list();
    json.field("route").begin_list();
    for (const RouteStepNote& note : route_notes_) {
        if (!is_callers) break;
        json.begin_object().field("step").value(note.step);
        json.field("reason").value(note.reason).end_object();
    }
    json.end_list();
    json.field("legs").begin_list();
    if (caller_ && is_callers) {
        json.begin_object().field("side").value("caller");
        write_party(json, *caller_);
        json.end_object();
    }
    for (const auto& branch : branches_) {
        if (!is_ours(domain_of(facts_, branch->destination))) continue;
        if (branch->party.started.unix_ms == 0) continue;  // without a phone
        json.begin_object().field("side").value("callee");
        json.field("state").value(to_string(branch->state));
        json.field("number").value(branch->destination.number);
        json.field("contact").value(branch->binding.contact);
        write_party(json, branch->party);
        json.end_object();
    }
    json.end_list();
    json.end_object();
    return json.take();
}

}  // namespace tandem::call
