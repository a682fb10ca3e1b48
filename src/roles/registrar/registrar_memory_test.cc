// What a binding costs in memory, measured: design budget 1 KiB with everything that points to it.
#include <gtest/gtest.h>

#include "roles/registrar/binding_book.h"

extern size_t live_bytes;  // of the whole program: counted_allocations_test.cc

namespace tandem::roles::registrar {
namespace {

TEST(BindingMemory, OneKibibyteEach) {
    constexpr size_t kBindings = 100'000;
    const Now now{{1000s}, {1'790'000'000'000}};
    const size_t before = live_bytes;
    auto book = std::make_unique<BindingBook>();
    for (size_t i = 0; i < kBindings; ++i) {
        const std::string number = std::to_string(100'000 + i);
        ports::Binding binding;
        binding.contact = "sip:" + number + "@192.168.100.50:5060;transport=tcp;ob";
        binding.contact_params =
            ";+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";reg-id=1";
        binding.instance_id = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        binding.reg_id = 1;
        binding.call_id = "0f2d6a3e-8b1c-4f7e-9a1d-" + number + "@192.168.100.50";
        binding.user_agent = "Yealink SIP-T46U 108.86.0.90 805e0c112233";
        binding.expires = {now.utc.unix_ms + 3'600'000};
        binding.flow = {{1}, ports::Transport::Tcp, 1, i + 1, *SocketAddress::parse("192.0.2.1:5")};
        book->put(now, DomainId{{1, i % 100}}, AccountId{{2, i}}, BindingRecord(binding));
    }
    EXPECT_EQ(book->size(), kBindings);
    const size_t each = (live_bytes - before) / kBindings;
    EXPECT_LE(each, 1024u);
    EXPECT_GE(each, 200u) << "nothing was measured";
    RecordProperty("bytes_per_binding", static_cast<int>(each));
    // Refreshes must not add to it.
    for (size_t i = 0; i < kBindings; ++i) {
        const AccountId account{{2, i}};
        BindingRecord record = book->of(account)[0];
        book->put(now, DomainId{{1, i % 100}}, account, std::move(record));
    }
    EXPECT_LE((live_bytes - before) / kBindings, each + 8);
}

}  // namespace
}  // namespace tandem::roles::registrar
