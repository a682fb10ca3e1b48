// Replies of name servers to records, with the TTL that c-ares leaves out for SRV and NAPTR.
#pragma once

#include "base/bytes.h"
#include "sip/locate.h"

namespace tandem::runtime {

// The records of `question` in a reply (RFC 1035 4). A reply without them, or one that cannot be
// read, has no records.
sip::DnsAnswer read_dns_reply(const sip::DnsQuestion& question, BytesView reply);

// The least TTL of the answer section; nullopt: it is empty or damaged.
std::optional<uint32_t> least_ttl(BytesView reply);

// For how long what a reply lacks is known to be absent: as the SOA record in its authority section
// says, within bounds (RFC 2308 5); without one hardly at all.
uint32_t absence_ttl(BytesView reply);

}  // namespace tandem::runtime
