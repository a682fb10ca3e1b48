// What an ICMP error quotes of a datagram of ours that did not arrive: the message's beginning, cut
// anywhere (RFC 792: eight bytes behind the UDP header may be all; RFC 1812 4.3.2.3 and RFC
// 4443 2.4 ask for more, and hosts of today give 500).
#pragma once

#include <string_view>

namespace tandem::sip {

// The branch of the top Via, when it is a request that belongs to no dialog, and neither ACK nor
// CANCEL, which have the branch of their INVITE. Else empty, and where the quotation is too short
// to tell.
std::string_view branch_of_new_request(std::string_view quoted);

}  // namespace tandem::sip
