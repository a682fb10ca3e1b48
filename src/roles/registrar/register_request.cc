#include "roles/registrar/register_request.h"

#include <algorithm>

#include "base/bytes.h"
#include "roles/registrar/limits.h"

namespace tandem::roles::registrar {
namespace {

using sip::HeaderId;
using Rejected = std::unexpected<Rejection>;

constexpr std::string_view kExtensions[] = {"path", "outbound", "gruu"};
constexpr uint32_t kExpiresMalformed = 3600;  // RFC 3261 10.2.1.1
constexpr uint32_t kHour = 3600;

Rejected reject(int status, std::string_view text) {
    return Rejected(Rejection{status, {}, std::string(text)});
}

// RFC 3261 10.2.1.1: the contact's own expires, else the Expires header, else the default.
uint32_t wanted_expiry(const sip::NameAddr& contact, const sip::Message& request,
                       const ExpiryBounds& bounds) {
    if (contact.params.has("expires")) return contact.expires().value_or(kExpiresMalformed);
    if (!request.has(HeaderId::Expires)) return bounds.default_s;
    const auto expires = request.expires();
    return expires && *expires ? **expires : kExpiresMalformed;
}

// The parameters to give back to who asks: all but expires, which changes, and q, which is ours.
std::string kept_params(const sip::Params& params) {
    std::string kept;
    for (const sip::Param& param : params) {
        if (equals_ignoring_case(param.name, "expires")) continue;
        kept += ';';
        kept += param.name;
        if (!param.has_value) continue;
        kept += '=';
        if (param.quoted) kept += '"';
        kept += param.value;
        if (param.quoted) kept += '"';
    }
    return kept;
}

// +sip.instance="<urn:uuid:...>" (RFC 5626 4.1).
std::string instance_of(const sip::Params& params) {
    std::string_view instance = params.get("+sip.instance").value_or("");
    if (instance.starts_with('<') && instance.ends_with('>') && instance.size() >= 2) {
        instance = instance.substr(1, instance.size() - 2);
    }
    return std::string(instance);
}

std::expected<ContactChange, Rejection> read_contact(const sip::NameAddr& contact,
                                                     const sip::Message& request,
                                                     const ExpiryBounds& bounds) {
    const auto uri = contact.parsed_uri();
    if (!uri) return reject(400, "a Contact URI is malformed");
    if (uri->scheme == sip::UriScheme::Other) return reject(416, "Contact must be a SIP URI");
    ContactChange change;
    change.uri = contact.uri;
    change.params = kept_params(contact.params);
    change.instance_id = instance_of(contact.params);
    change.q_thousandths = static_cast<uint16_t>(std::min(1000u, contact.q_thousandths()));
    // RFC 5626 6: reg-id without +sip.instance is ignored.
    const auto reg_id = contact.params.number("reg-id");
    if (!change.instance_id.empty() && reg_id) change.reg_id = *reg_id;
    const uint32_t wanted = wanted_expiry(contact, request, bounds);
    // RFC 3261 10.3 step 7: too brief is below our minimum and below an hour.
    if (wanted > 0 && wanted < bounds.min_s && wanted < kHour) {
        Rejection brief{423, {{HeaderId::MinExpires, std::to_string(bounds.min_s)}}, {}};
        return Rejected(std::move(brief));
    }
    change.expires_s = std::min(wanted, bounds.max_s);
    return change;
}

size_t text_size(const ContactChange& change, const RegisterRequest& wanted) {
    size_t size = change.uri.size() + change.params.size() + change.instance_id.size() +
                  wanted.call_id.size();
    for (const std::string& hop : wanted.path) size += hop.size() + 1;
    return size;
}

std::expected<void, Rejection> read_contacts(const sip::Message& request,
                                             const ExpiryBounds& bounds, RegisterRequest& wanted) {
    bool star = false;
    for (const Result<sip::NameAddr> contact : request.contacts()) {
        if (!contact) return reject(400, "a Contact is malformed");
        if (contact->star) {
            star = true;
            continue;
        }
        if (wanted.contacts.size() >= contacts_per_request_max) {
            return reject(400, "too many Contacts in one REGISTER");
        }
        auto change = read_contact(*contact, request, bounds);
        if (!change) return Rejected(std::move(change.error()));
        if (text_size(*change, wanted) > binding_text_bytes_max) {
            return reject(400, "the Contact is too long");
        }
        wanted.contacts.push_back(std::move(*change));
    }
    if (!star) return {};
    // RFC 3261 10.3 step 6: "*" stands alone, with Expires: 0.
    const auto expires = request.expires();
    if (!wanted.contacts.empty() || !expires || !*expires || **expires != 0) {
        return reject(400, "Contact: * needs Expires: 0 and no other Contact");
    }
    wanted.remove_all = true;
    return {};
}

// RFC 3327 5.3: we keep the path and tell it to a phone that understands it. A phone that does not
// could not find out who was put in its way, so its REGISTER is refused.
std::expected<void, Rejection> read_path(const sip::Message& request, RegisterRequest& wanted) {
    for (const std::string_view hop : request.values(HeaderId::Path)) {
        if (wanted.path.size() >= path_hops_max) return reject(400, "the Path is too long");
        wanted.path.emplace_back(hop);
    }
    if (wanted.path.empty() || request.has_value(HeaderId::Supported, "path") ||
        request.has_value(HeaderId::Require, "path")) {
        return {};
    }
    return Rejected(Rejection{420, {{HeaderId::Unsupported, "path"}}, {}});
}

// RFC 5626 6: outbound applies when the phone has it, gave instance and reg-id, and nothing that
// lacks it stands between (a Via of a proxy without ";ob" in the Path).
std::expected<void, Rejection> read_outbound(const sip::Message& request, RegisterRequest& wanted) {
    const bool supported = request.has_value(HeaderId::Supported, "outbound") ||
                           request.has_value(HeaderId::Require, "outbound");
    const bool asked = std::any_of(wanted.contacts.begin(), wanted.contacts.end(),
                                   [](const ContactChange& each) { return each.reg_id != 0; });
    size_t hops = 0;
    for ([[maybe_unused]] const std::string_view via : request.values(HeaderId::Via)) ++hops;
    const bool edge_has_it =
        hops == 1 || (!wanted.path.empty() && wanted.path.back().find(";ob") != std::string::npos);
    if (supported && asked && !edge_has_it) return Rejected(Rejection{439, {}, {}});
    wanted.outbound = supported && asked;
    if (!wanted.outbound) {
        for (ContactChange& each : wanted.contacts) each.reg_id = 0;
    }
    return {};
}

}  // namespace

std::expected<void, Rejection> check_required(const sip::Message& request) {
    std::string unsupported;
    for (const std::string_view option : request.values(HeaderId::Require)) {
        const bool known =
            std::any_of(std::begin(kExtensions), std::end(kExtensions),
                        [&](std::string_view each) { return equals_ignoring_case(each, option); });
        if (known) continue;
        if (!unsupported.empty()) unsupported += ", ";
        unsupported += option;
    }
    if (unsupported.empty()) return {};
    return Rejected(Rejection{420, {{HeaderId::Unsupported, std::move(unsupported)}}, {}});
}

std::expected<RegisterRequest, Rejection> read_register(const sip::Message& request,
                                                        const ExpiryBounds& bounds) {
    RegisterRequest wanted;
    wanted.call_id = request.call_id();
    const auto cseq = request.cseq();
    if (!cseq) return reject(400, "CSeq is malformed");
    wanted.cseq = cseq->number;
    wanted.user_agent =
        request.header(HeaderId::UserAgent).value_or("").substr(0, user_agent_bytes_max);
    if (auto path = read_path(request, wanted); !path) return Rejected(std::move(path.error()));
    if (auto contacts = read_contacts(request, bounds, wanted); !contacts) {
        return Rejected(std::move(contacts.error()));
    }
    if (auto outbound = read_outbound(request, wanted); !outbound) {
        return Rejected(std::move(outbound.error()));
    }
    return wanted;
}

ports::Flow flow_of_binding(const ports::Flow& came_by, const sip::Message& request,
                            std::string_view contact_uri) {
    if (came_by.transport != ports::Transport::Udp) return came_by;
    // The gate marks a Via whose sent-by is not where the request came from: NAT.
    const auto via = request.top_via();
    if (!via || IpAddress::parse(via->sent_by.host) != came_by.remote.ip) return came_by;
    const auto uri = sip::UriView::parse(contact_uri);
    if (!uri || !uri->is_sip()) return came_by;
    const auto ip = IpAddress::parse(uri->host());
    if (!ip || ip->family != came_by.remote.ip.family || ip->is_unspecified()) return came_by;
    ports::Flow flow = came_by;
    flow.remote = {*ip, uri->port().value_or(5060)};
    return flow;
}

}  // namespace tandem::roles::registrar
