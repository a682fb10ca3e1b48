// Who is in a call, and what their dialogs are: asked by the call itself and by its owner.
#include "call/call_values.h"

#include <algorithm>

namespace tandem::call {

CallValues::CallValues(CallFacts facts, CallSettings settings)
    : facts_(std::move(facts)), settings_(std::move(settings)) {
    sides_.push_back({facts_.domain, !facts_.trunk.is_nil()});
}

Branch* CallValues::branch(uint8_t index) {
    if (index == 0 || index > branches_.size()) return nullptr;
    return branches_[index - 1].get();
}

Party* CallValues::party(uint8_t index) {
    if (index == 0) return caller_ ? &*caller_ : nullptr;
    Branch* found = branch(index);
    return found == nullptr ? nullptr : &found->party;
}

const Party* CallValues::party(uint8_t index) const {
    return const_cast<CallValues*>(this)->party(index);
}

uint8_t CallValues::leg_of_call_id(std::string_view call_id) const {
    for (size_t i = 0; i < branches_.size(); ++i) {
        if (branches_[i]->party.leg.call_id() == call_id) {
            return static_cast<uint8_t>(i + 1);
        }
    }
    return 0;
}

bool CallValues::talks_to(uint8_t leg, std::string_view remote_tag) const {
    const Party* found = party(leg);
    return phase_ == Phase::Established && talks(leg) && found != nullptr &&
           found->leg.remote_tag() == remote_tag;
}

uint8_t CallValues::talking_leg(DomainId domain, AccountId account) const {
    if (winner_ == 0 || phase_ >= Phase::Ending || paging_.is_page()) return no_leg;
    for (const uint8_t index : {near_, winner_}) {
        if (transfer_.has_let_go(index)) continue;
        if (who_is(index).account == account && domain_of_leg(index) == domain) return index;
    }
    return no_leg;
}

std::vector<uint8_t> CallValues::talkers() const {
    std::vector<uint8_t> found = paging_.listeners(*this);
    const bool has_callee = winner_ != 0 && !transfer_.has_let_go(winner_);
    if (!paging_.is_page() && has_callee) found.push_back(winner_);
    if (!transfer_.has_let_go(near_)) found.insert(found.begin(), near_);
    if (const auto waits = transfer_.aside()) found.push_back(*waits);
    return found;
}

std::pair<uint8_t, uint8_t> CallValues::places() const {
    const auto waits = transfer_.aside();
    if (!waits) return {near_, winner_};
    if (transfer_.referrer() == near_) return {near_, *waits};
    return {*waits, winner_};
}

Destination CallValues::who_is(uint8_t index) const {
    if (index != 0) return branches_[index - 1]->destination;
    return {facts_.caller_account, facts_.caller_number, facts_.caller_name};
}

const std::optional<sdp::Session>& CallValues::offered() const {
    return transfer_.is_under_way() ? transfer_.offer() : offer_;
}

// --- By what others call its dialogs.

bool CallValues::is_dialog(uint8_t leg, const DialogName& name) const {
    const Party* named = party(leg);
    return named != nullptr && named->leg.call_id() == name.call_id &&
           named->leg.local_tag() == name.to_tag && named->leg.has_dialog_with(name.from_tag);
}

uint8_t CallValues::ringing_leg(DomainId domain, AccountId account) const {
    if (phase_ != Phase::Ringing || paging_.is_page()) return 0;
    for (size_t i = 0; i < branches_.size(); ++i) {
        const Branch& each = *branches_[i];
        const bool is_asked = account.is_nil() || each.destination.account == account;
        const bool rings =
            each.state == BranchState::Inviting || each.state == BranchState::Ringing;
        const auto index = static_cast<uint8_t>(i + 1);
        if (is_asked && rings && domain_of_leg(index) == domain) return index;
    }
    return 0;
}

// Tags are given as whoever gets a Replaces sees them; some phones exchange them (RFC 3891 3).
ports::ReplacedFound CallValues::find_dialog(const ports::ReplacedQuery& query) const {
    ports::ReplacedFound found;
    found.call = facts_.call;
    found.error = make_error(ErrorCode::NotFound, "dialog", "no such dialog here");
    for (size_t i = 0; i <= branches_.size(); ++i) {
        const auto index = static_cast<uint8_t>(i);
        const Party* named = party(index);
        if (named == nullptr || named->leg.call_id() != query.call_id) continue;
        if (domain_of_leg(index) != query.domain) continue;
        const auto is = [&](std::string_view ours, std::string_view theirs) {
            return named->leg.local_tag() == ours && named->leg.remote_tag() == theirs;
        };
        if (!is(query.to_tag, query.from_tag) && !is(query.from_tag, query.to_tag)) continue;
        const bool is_alone =
            queue_.waits(*this) && talks(index) && transfer_.has_let_go(peer_of(index));
        if ((index == 0 && ringing()) || is_alone) {
            found.error.reset();
            found.rings = true;
            found.dialled = is_alone ? transfer_.dialled() : facts_.dialled;
        }
        if (phase_ != Phase::Established || winner_ == 0) continue;
        if (!talks(index) || transfer_.is_under_way() || paging_.is_page()) continue;
        const uint8_t other = peer_of(index);
        if (domain_of_leg(other) != query.domain) continue;
        const Destination who = who_is(other);
        const sip::Leg& leg = party(other)->leg;
        found.error.reset();
        found.account = who.account;
        found.number = who.number;
        found.name = who.name;
        found.contact = leg.remote_target();
        if (other != 0) found.instance_id = branches_[other - 1]->binding.instance_id;
        found.flow = party(other)->flow;
        found.party_call_id = leg.call_id();
        found.our_tag = leg.local_tag();
        found.party_tag = leg.remote_tag();
    }
    return found;
}

}  // namespace tandem::call
