#include "border/egress.h"

#include "base/bytes.h"
#include "base/check.h"
#include "sip/limits.h"

namespace tandem::border {
namespace {

using ports::Transport;
using sip::HeaderId;

constexpr uint16_t kSipPort = 5060;

std::string_view uri_transport(Transport transport) {
    switch (transport) {
        case Transport::Udp:
            return "";  // the default of a URI with a port (RFC 3263 4.1)
        case Transport::Tcp:
            return ";transport=tcp";
        case Transport::Tls:
            return ";transport=tls";
        case Transport::Ws:
        case Transport::Wss:
            return ";transport=ws";  // RFC 7118 5.2.4
    }
    return "";
}

void append_host_port(std::string& text, const Advertised& us) {
    text += us.host;
    text += ':';
    text += std::to_string(us.port);
}

// RFC 3261 8.1.1.8, 12.1.1: a sips URI in the request asks for a sips Contact.
bool asks_for_sips(const sip::Message& message) {
    if (message.is_request()) return message.request_uri().starts_with("sips:");
    const auto to = message.to();
    return to && to->uri.starts_with("sips:");
}

void write_contact(ports::SipOutbound& outbound, const Advertised& us) {
    if (outbound.contact_token.empty()) return;
    const Transport transport = outbound.flow.transport;
    const bool sips = asks_for_sips(outbound.message) &&
                      (transport == Transport::Tls || transport == Transport::Wss);
    std::string contact;
    contact.reserve(128);
    contact += sips ? "<sips:" : "<sip:";
    contact += outbound.contact_token;
    contact += '@';
    append_host_port(contact, us);
    if (!sips || transport == Transport::Wss) contact += uri_transport(transport);
    contact += '>';
    contact += outbound.contact_params;
    outbound.message.replace(HeaderId::Contact, contact);
}

}  // namespace

void dress_request(ports::SipOutbound& outbound, const Advertised& us) {
    sip::Message& message = outbound.message;
    CHECK(message.is_request() && !outbound.branch.empty());
    message.remove(HeaderId::Via);
    message.remove(HeaderId::RecordRoute);
    std::string via;
    via.reserve(128);
    via += "SIP/2.0/";
    via += to_string(outbound.flow.transport);
    via += ' ';
    append_host_port(via, us);
    if (outbound.flow.transport == Transport::Udp) via += ";rport";
    via += ";branch=";
    via += outbound.branch;
    message.prepend(HeaderId::Via, via);
    if (!message.has(HeaderId::MaxForwards)) {
        message.append(HeaderId::MaxForwards, std::to_string(sip::max_forwards_default));
    }
    write_contact(outbound, us);
}

void dress_response(ports::SipOutbound& outbound, const Advertised& us) {
    CHECK(outbound.message.is_response());
    write_contact(outbound, us);
}

ports::Flow response_flow(const ports::Flow& flow, const sip::Message& response) {
    ports::Flow to = flow;
    const auto via = response.top_via();
    if (!via) return to;
    // INTEROP: RFC 3261 18.2.2 sends to the port of sent-by wherever rport was not asked for.
    // Behind NAT that port leads nowhere, so there the source port is used as if it had been asked
    // for.
    const bool behind_nat = via->received().has_value();
    const uint16_t sent_by_port = via->sent_by.port.value_or(kSipPort);
    if (flow.transport == Transport::Udp) {
        if (!behind_nat && !via->wants_rport()) to.remote.port = sent_by_port;
    } else {
        to.remote.port = sent_by_port;
    }
    return to;
}

std::optional<SocketAddress> open_address(std::string_view contact_uri, const ports::Flow& flow) {
    if (contact_uri.empty()) return std::nullopt;
    const auto uri = sip::UriView::parse(contact_uri);
    if (!uri || !uri->is_sip()) return std::nullopt;
    const auto ip = IpAddress::parse(uri->host());
    if (!ip || *ip != flow.remote.ip) return std::nullopt;
    return SocketAddress{*ip, uri->port().value_or(kSipPort)};
}

}  // namespace tandem::border
