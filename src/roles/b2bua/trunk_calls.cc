// Calls from and to outside. The gate has said which trunk a call comes over, so nobody is asked
// for proof; what is dialled and who calls is read as providers write it.
#include "call/outside_of.h"
#include "model/generated/trunk.h"
#include "model/trunk_proxy.h"
#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/limits.h"
#include "routing/trunk_numbers.h"
#include "sip/scanner.h"
#include "sip/uri.h"
#include "store/catalog_tree.h"

namespace tandem::roles::b2bua {

using sip::HeaderId;

namespace {

std::string user_of(const Result<sip::UriView>& uri) {
    return uri && uri->has_user ? uri->decoded_user() : std::string();
}

// The Request-URI has the number, but for what came to the Contact that we have registered: then
// To has it (RFC 3261 16.5: the Request-URI was replaced on the way), unless both name the trunk.
std::string dialled_in(const sip::Message& invite, const model::Trunk& trunk,
                       const ports::TokenMint& tokens) {
    const auto uri = invite.parsed_request_uri();
    std::string called = user_of(uri);
    const bool is_ours = uri && tokens.read(ports::TokenKind::Trunk, uri->user).has_value();
    if (!called.empty() && !is_ours && called != trunk.user) return called;
    const auto to = invite.to();
    const std::string meant = to ? user_of(to->parsed_uri()) : std::string();
    return meant.empty() ? trunk.user : meant;
}

}  // namespace

std::optional<B2buaRole::Admitted> B2buaRole::admit_from_trunk(Step& step,
                                                               const ports::SipInbound& in,
                                                               sip::ServerKey server) {
    const auto* trunk = around_.catalog.find_trunk(in.trunk);
    const auto* domain = trunk == nullptr ? nullptr : around_.catalog.find_domain(trunk->domain);
    int refusal = 0;
    if (domain == nullptr || !trunk->enabled)
        refusal = 404;
    else if (store::is_blocked(around_.catalog, domain->id, step.now.utc))
        refusal = 403;
    if (refusal == 0)
        return Admitted{
            domain, nullptr,
            routing::adapted(trunk->called_in, domain->settings.numbering,
                             routing::normalised(dialled_in(in.message, *trunk, around_.tokens))),
            trunk};
    ++counters_.refused_other;
    refuse(step, in.message, server, refusal);
    return std::nullopt;
}

// RFC 3325 9.1: what a trusted party asserts is better than From.
void B2buaRole::show_trunk_caller(const model::Trunk& trunk, const sip::Message& invite,
                                  call::CallFacts& facts) const {
    facts.trunk = trunk.id;
    facts.trunk_name = trunk.name;
    facts.trunk_credentials = call::credentials_of(trunk, options_.keys.credentials);
    facts.trunk_srtp = call::srtp_of(trunk);
    const auto from = invite.from();
    if (from) {
        facts.caller_number = user_of(from->parsed_uri());
        facts.caller_name = sip::unquote(from->display_name);
    }
    for (const auto asserted : invite.addresses(HeaderId::PAssertedIdentity)) {
        const std::string number = asserted ? user_of(asserted->parsed_uri()) : std::string();
        if (number.empty()) continue;
        facts.caller_number = number;
        break;
    }
    for (const std::string_view each : invite.values(HeaderId::Diversion)) {
        if (facts.diversions.size() >= kDiversionsMax) break;
        if (each.size() <= kDiversionBytesMax) facts.diversions.emplace_back(each);
    }
    const auto* domain = around_.catalog.find_domain(trunk.domain);
    if (domain != nullptr)
        facts.caller_number = routing::adapted(trunk.caller_in, domain->settings.numbering,
                                               routing::normalised(facts.caller_number));
}

// They are not in snapshots.
void B2buaRole::give_credentials(call::CallSnapshot& snapshot) const {
    const auto* from = around_.catalog.find_trunk(snapshot.facts.trunk);
    if (from != nullptr) {
        snapshot.facts.trunk_credentials = call::credentials_of(*from, options_.keys.credentials);
        snapshot.facts.trunk_srtp = call::srtp_of(*from);
    }
    for (call::PartySnapshot& party : snapshot.parties) {
        auto& outside = party.destination.outside;
        if (party.index == 0) {
            party.leg.settings.credentials = snapshot.facts.trunk_credentials;
            party.media.set_limits(call::limits_of(around_.catalog, snapshot.facts.trunk));
        }
        if (!outside) continue;
        call::know_trunk_again(*outside, around_.catalog, options_.keys.credentials);
        party.media.set_limits(outside->offers);
        party.leg.settings.credentials = outside->credentials;
    }
    if (!snapshot.way) return;
    for (call::Destination& each : snapshot.way->destinations)
        if (each.outside)
            call::know_trunk_again(*each.outside, around_.catalog, options_.keys.credentials);
}

// --- Channels of trunks, for calls that go out.

// Whether the call has gone on, and has been settled, as it was given what it wished for.
bool B2buaRole::serves_line(Step& step, call::Call& call) {
    if (leases_.has_lines(call.base())) leases_.keep_lines(call.base(), call.lines(), step.out);
    const auto wish = call.take_line_wish();
    if (!wish) return false;
    const auto verdict = leases_.take_line(step.now, call.base(), *wish, step.out);
    if (verdict.outcome == CallLeases::Outcome::Waits) return false;
    const bool taken = verdict.outcome == CallLeases::Outcome::Taken;
    with_call(step, call, [&](auto& ctx) { call.on_line(ctx, *wish, taken); });
    return true;
}

}  // namespace tandem::roles::b2bua
