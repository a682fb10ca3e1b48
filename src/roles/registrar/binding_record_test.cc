#include "roles/registrar/binding_record.h"

#include <gtest/gtest.h>

namespace tandem::roles::registrar {
namespace {

TEST(BindingCodec, RoundTrip) {
    ports::Binding binding;
    binding.contact = "sip:\"odd\\\x01\xff@192.0.2.9";
    binding.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=2";
    binding.instance_id = "urn:uuid:1";
    binding.reg_id = 2;
    binding.q_thousandths = 300;
    binding.call_id = "c@x";
    binding.cseq = 4'000'000'000;
    binding.flow = *ports::Flow::parse("7;TLS;2;99;[2001:db8::1]:5061");
    binding.path = {"<sip:a;lr>", "<sip:b;lr>"};
    binding.user_agent = "T\xc3\xa9l\xc3\xa9phone";
    BindingRecord record(binding);
    record.stored_until = {1'790'000'000'123};
    const auto back = decode_binding(encode_binding(record));
    ASSERT_TRUE(back.has_value());
    EXPECT_TRUE(back->same_but_for_time(record));
    EXPECT_EQ(back->expires.unix_ms, 1'790'000'000'123);
    EXPECT_EQ(back->unpack().path, binding.path);
    EXPECT_EQ(back->cseq, binding.cseq);
    for (const char* bad :
         {"", "[]", "{}", "{\"contact\":\"sip:a\"}", "{\"contact\":1,\"flow\":2}"}) {
        EXPECT_FALSE(decode_binding(bad).has_value()) << bad;
    }
}

TEST(StoredExpiry, LiesAheadButNotFar) {
    for (const int64_t granted : {60, 119, 120, 600, 3600, 86'400}) {
        for (int64_t at = 0; at < 20; ++at) {
            const UtcTime expires{1'790'000'000'000 + at * 7'777'777};
            const UtcTime stored = stored_expiry(expires, granted, 3600);
            EXPECT_GE(stored, expires);
            EXPECT_LE(stored.unix_ms - expires.unix_ms, std::min<int64_t>(granted, 3600) * 1000);
            EXPECT_LE((stored_expiry(expires, granted, 60).unix_ms - expires.unix_ms), 60'000);
            EXPECT_EQ(stored_expiry(expires, granted, 0), expires);
            if (granted < 120) {
                EXPECT_EQ(stored, expires);
            }
        }
    }
}

}  // namespace
}  // namespace tandem::roles::registrar
