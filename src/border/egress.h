// What goes out: the parts of a message that belong to the border are written here and nowhere
// else, so that no address of the inside can leak. Pure functions.
#pragma once

#include <string>

#include "border/advertise.h"
#include "ports/sip_port.h"

namespace tandem::border {

// Via (RFC 3261 18.1.1, RFC 3581 3), Contact, and the removal of what would show our inside.
void dress_request(ports::SipOutbound& outbound, const Advertised& us);
void dress_response(ports::SipOutbound& outbound, const Advertised& us);

// Where a response goes. RFC 3261 18.2.2, RFC 3581 4; the top Via has our marks.
// Datagrams: to the source, or to sent-by where the sender is not behind NAT and did not ask for
// rport. Connections: the flow itself; should it have ended, to `received` at the port of sent-by.
ports::Flow response_flow(const ports::Flow& flow, const sip::Message& response);

// The phone's own address, where its Contact names it and no NAT stands between: a connection may
// be opened to it. nullopt: only the flow will do.
std::optional<SocketAddress> open_address(std::string_view contact_uri, const ports::Flow& flow);

}  // namespace tandem::border
