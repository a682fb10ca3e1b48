// Calls of instances that died: the host moves them to us in the store, one after the other, and
// what their phones send meanwhile waits here.
#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/limits.h"
#include "sip/transaction/match_key.h"
#include "store/keys.h"

namespace tandem::roles::b2bua {

void B2buaRole::on_adopted(Now now, const ports::AdoptedCall& adopted, ports::Outbox& out) {
    Step step{now, out};
    ++counters_.adopted;
    restore(step, store::keys::call(id_, adopted.call), adopted.snapshot);
    if (call::Call* call = find(call::base_of(adopted.call))) report(step, *call, false);
    look_for_parents(step);
}

// Whether it is ours to answer: of a call that we have, or of a transaction that outlives its call.
bool B2buaRole::is_ours(const ports::SipInbound& in) {
    if (call_of_leg(in.owner_key) != nullptr) return true;
    const sip::Method method = in.message.method();
    const bool of_invite = method == sip::Method::Cancel || method == sip::Method::Ack;
    const auto as = of_invite ? sip::MatchAs::Invite : sip::MatchAs::ItsMethod;
    const uint64_t key = sip::server_match_key(layer_settings_.hash_key, in.message, as);
    return layer_.hop_of({key}) != nullptr;
}

ports::Instance B2buaRole::branch_owner(sip::ClientKey key) const {
    const auto found = inherited_.branches.find(key.value);
    return found == inherited_.branches.end() ? around_.self : found->second.owner;
}

// As long as the INVITE may be repeated (RFC 3261 17.1.1.2), whatever is thought of the ACK.
void B2buaRole::note_answers(Instant now, const call::CallSnapshot& snapshot) {
    inherited_.answered_until = now + options_.timers.times_64();
    for (const call::PartySnapshot& party : snapshot.parties) {
        const sip::LegSnapshot& leg = party.leg;
        const bool is_fresh = !leg.is_client && leg.dialog && leg.two_hundred &&
                              leg.two_hundred->give_up && *leg.two_hundred->give_up > now;
        if (!is_fresh) continue;
        inherited_.answered[leg.call_id] = {call::base_of(snapshot.facts.call),
                                            leg.dialog->dialog.remote_tag,
                                            leg.two_hundred->response};
    }
}

// An INVITE that its phone repeats, as whoever had answered it died before the 2xx was out, or the
// 2xx was lost. It begins no further call.
bool B2buaRole::is_answered_before(Step& step, const sip::Message& invite, sip::ServerKey server) {
    if (step.now.mono >= inherited_.answered_until) inherited_.answered.clear();
    const auto found = inherited_.answered.find(std::string(invite.call_id()));
    if (found == inherited_.answered.end()) return false;
    const Inherited::Answer& known = found->second;
    const call::Call* call = find(known.call);
    const auto from = invite.from();
    const auto cseq = invite.cseq();
    const auto answered = known.response.cseq();
    const bool is_same = call != nullptr && is_live(*call) && from && cseq && answered &&
                         from->tag() == known.remote_tag && cseq->number == answered->number;
    if (!is_same) return false;
    layer_.respond(step.now.mono, server, known.response, {}, wire_);
    return true;
}

// A request within a call that another had, and perhaps still has.
bool B2buaRole::is_orphan(const ports::SipInbound& in) {
    // Subscriptions are no calls: CS knows them.
    if (in.message.is_request() && in.message.method() == sip::Method::Subscribe) return false;
    return in.previous_owner && in.previous_owner != around_.self && in.owner_key != 0 &&
           !is_ours(in);
}

// What a request names itself; of a response what named the request, which we had given our tag.
// 0: no leg of a B2B.
uint64_t B2buaRole::leg_of(const ports::SipInbound& in) const {
    if (in.message.is_request()) return in.owner_key;
    const auto from = in.message.from();
    const auto token =
        from ? around_.tokens.read(ports::TokenKind::Tag, from->tag()) : std::nullopt;
    return token ? token->unique : 0;
}

// When too many wait, phones repeat theirs.
void B2buaRole::keep_orphan(Step& step, ports::SipInbound& in, bool was_ours) {
    if (orphans_.size() < kOrphansMax) {
        orphans_.push_back({step.now.mono + kOrphanLife, std::move(in), was_ours});
    }
    look_for_parents(step);
}

bool B2buaRole::is_b2b(ports::Instance sender) const {
    const auto* found = around_.directory.find(sender);
    return found != nullptr && found->kind == ports::RoleKind::B2bua;
}

// Of a dialog that we do not know, though it names us: our former life had the call, and another
// B2B took it over. It is relayed once, to whom it fell.
bool B2buaRole::relay_to_heir(Step& step, ports::SipInbound& in, ports::Instance from) {
    const uint64_t leg = leg_of(in);
    if (leg == 0 || in.previous_owner || is_b2b(from)) return false;
    const uint64_t base = call::base_of(leg);
    const ports::Directory& directory = around_.directory;
    const auto heir = directory.heir(ports::RoleKind::B2bua, base, around_.self);
    const auto of_all =
        directory.heir(ports::RoleKind::B2bua, base, around_.self, ports::Directory::Among::All);
    // We have just begun, and links to the others are being made: it is for one of these.
    if (of_all != heir && step.now.mono < began_ + kOrphanLife) {
        in.previous_owner = *of_all;
        keep_orphan(step, in, true);
        return true;
    }
    if (!heir) return false;
    step.out.send(around_.self, *heir, std::move(in));
    return true;
}

// Those whose call has come, or whose owner is back, or whose time is over: then there is no such
// call.
void B2buaRole::look_for_parents(Step& step) {
    for (Orphan& orphan : std::exchange(orphans_, {})) {
        ports::SipInbound& in = orphan.message;
        const auto* owner = around_.directory.find(in.previous_owner);
        const bool is_back = owner != nullptr && owner->reachable;
        const bool has_come = call_of_leg(leg_of(in)) != nullptr || is_ours(in);
        if (has_come || orphan.until <= step.now.mono) {
            in.previous_owner = {};
            if (orphan.was_ours && !is_ours(in) && relay_to_heir(step, in, {})) continue;
            if (in.message.is_request())
                on_request(step, in);
            else
                on_response(step, in, {});
        } else if (is_back) {
            const bool asks = in.message.is_request() && in.owner_key == 0;
            const ports::Instance to =
                std::exchange(in.previous_owner, asks ? around_.self : ports::Instance{});
            step.out.send(around_.self, to, std::move(in));
        } else {
            orphans_.push_back(std::move(orphan));
        }
    }
}

}  // namespace tandem::roles::b2bua
