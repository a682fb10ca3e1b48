#include "roles/host/node_host.h"

#include <gtest/gtest.h>

#include "roles/host/limits.h"
#include "store/memory_store.h"

namespace tandem::roles::host {
namespace {

class NoRoles final : public RoleFactory {
 public:
    std::unique_ptr<ports::Role> make(ports::RoleKind, const ports::Surroundings&) override {
        return nullptr;
    }
};

// A host and the store that answers it; the answer to one request is lost.
struct Fixture {
    explicit Fixture(int which_is_lost) : lost(which_is_lost) {
        host.start(now);
        run();
    }
    void run() {
        for (int round = 0; round < 20; ++round) {
            for (ports::Letter& letter : host.run(now)) {
                const auto* request = get_if<store::Request>(&letter.payload);
                if (request == nullptr || letter.to != ports::kKeyValue) continue;
                store::Outbox out;
                memory.apply(now.mono, *request, out);
                if (++requests == lost) continue;
                for (store::Reply& reply : out.replies) {
                    host.deliver({ports::kKeyValue, host.self(), letter.request, std::move(reply)});
                }
            }
        }
    }
    void advance(Duration time) {
        now.mono = now.mono + time;
        host.on_timeout(now);
        run();
    }

    Now now{Instant{1000s}, UtcTime{1'800'000'000'000}};
    SeededRng rng{1};
    ports::TokenMint tokens{{1, 2}};
    NoRoles factory;
    store::MemoryStore memory;
    int requests = 0;
    int lost = 0;
    NodeHost host{{1, 0, "test", {}}, tokens, rng, factory};
};

TEST(NodeHost, AnAnswerOfTheStoreThatNeverComesIsAskedForAgain) {
    Fixture well(0);
    ASSERT_TRUE(well.host.is_serving());
    ASSERT_GE(well.requests, 5);  // three layers of the catalog, and the epoch read and raised
    // Watches are asked for, too, but nothing waits for their answers.
    for (int which = 1; which <= well.requests; ++which) {
        SCOPED_TRACE(which);
        Fixture host(which);
        host.advance(store_reply_max);
        EXPECT_TRUE(host.host.is_serving());
    }
}

}  // namespace
}  // namespace tandem::roles::host
