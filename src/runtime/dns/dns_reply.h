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

}  // namespace tandem::runtime
