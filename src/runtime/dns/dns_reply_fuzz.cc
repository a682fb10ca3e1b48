#include <cstddef>
#include <cstdint>

#include "runtime/dns/dns_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using tandem::sip::DnsType;
    for (const DnsType type : {DnsType::A, DnsType::Aaaa, DnsType::Srv, DnsType::Naptr}) {
        (void)tandem::runtime::read_dns_reply({"a.test", type}, {data, size});
    }
    return 0;
}
