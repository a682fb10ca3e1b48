#include "store/memory_store.h"

#include "store/kv_conformance_test.h"

namespace tandem::store {
namespace {

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, KvConformance, MemoryStore);

TEST(MemoryStore, OrdersFaults) {
    using Fault = MemoryStore::Fault;
    const struct {
        Fault fault;
        size_t replies;
        bool applied;
    } cases[] = {{Fault::None, 1, true},
                 {Fault::AppliedReplyLost, 0, true},
                 {Fault::DroppedReplyLost, 0, false},
                 {Fault::AppliedTimeout, 1, true},
                 {Fault::DroppedTimeout, 1, false}};
    for (const auto& c : cases) {
        MemoryStore store;
        store.set_fault_hook([&](const Request&) { return c.fault; });
        Outbox out;
        const Revision before = store.revision();
        store.apply(Instant{}, Request{1, Txn{{}, {Put{"a", "1"}}, {}}}, out);
        EXPECT_EQ(out.replies.size(), c.replies);
        EXPECT_EQ(store.revision() != before, c.applied);
        if (c.replies == 1 && c.fault != Fault::None) {
            EXPECT_EQ(out.replies[0].body.error().code, ErrorCode::Timeout);
        }
    }
}

}  // namespace
}  // namespace tandem::store
