#include "roles/store/retention.h"

#include <gtest/gtest.h>

#include "model/codec.h"
#include "model/generated/system.h"
#include "roles/store/limits.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::store_role {
namespace {

constexpr ports::Instance kSelf{7};
constexpr int64_t kDay = 86'400'000;

struct RetentionTest : testing::Test {
    void keep(int64_t calls, int64_t audit) {
        model::SystemSettings settings;
        settings.cdr_kept_days = static_cast<int>(calls);
        settings.audit_kept_days = static_cast<int>(audit);
        feed.load({store::keys::system_settings(),
                   model::encode_stored(settings, {}),
                   {1, 1},
                   {1, 1},
                   0});
        catalog = feed.snapshot();
        retention.on_catalog(now);
    }
    // The step that is due after `time`, if there is one.
    std::optional<ports::HistoryErase> after(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        if (retention.next_deadline() && *retention.next_deadline() <= now.mono)
            retention.on_timeout(now, out);
        if (out.empty()) return std::nullopt;
        const ports::Letter& letter = out.letters().front();
        EXPECT_EQ(letter.to, ports::kHistory);
        asked = letter.request;
        return get<ports::HistoryErase>(letter.payload);
    }
    size_t answer(uint32_t calls, uint32_t audit, std::optional<Error> error = {}) {
        ports::Outbox out;
        retention.on_erased(now, asked, {error, calls, audit}, out);
        return out.letters().size();
    }

    Now now{Instant{1000s}, {100 * kDay}};
    store::CatalogFeed feed;
    store::Catalog catalog = feed.snapshot();
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{5};
    ports::Surroundings around{kSelf, directory, catalog, tokens, rng};
    Retention retention{around};
    uint64_t asked = 0;
};

TEST_F(RetentionTest, KeepsAllForEverUnlessToldOtherwise) {
    retention.start(now);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(after(retention_pause));
}

TEST_F(RetentionTest, ForgetsStepByStepWhatIsOlder) {
    retention.start(now);
    keep(30, 90);
    auto step = after(0s);
    ASSERT_TRUE(step) << "as soon as the setting is there";
    EXPECT_EQ(step->calls_before_ms, 70 * kDay);
    EXPECT_EQ(step->audit_before_ms, 10 * kDay);
    EXPECT_EQ(step->limit, retention_step);
    EXPECT_FALSE(after(retention_step_pause)) << "one at a time";
    answer(retention_step, 3);
    EXPECT_TRUE(after(retention_step_pause)) << "there may be more";
    answer(5, 0);
    EXPECT_FALSE(after(retention_step_pause));
    EXPECT_TRUE(after(retention_pause));
    EXPECT_EQ(retention.erased(), retention_step + 8u);
}

TEST_F(RetentionTest, OnlyWhatHasATime) {
    retention.start(now);
    keep(0, 1);
    const auto step = after(0s);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->calls_before_ms, 0);
    EXPECT_EQ(step->audit_before_ms, 99 * kDay);
}

TEST_F(RetentionTest, GoesOnWhenHistoryFailsOrSaysNothing) {
    retention.start(now);
    keep(1, 1);
    ASSERT_TRUE(after(0s));
    EXPECT_TRUE(after(retention_pause)) << "unanswered";
    EXPECT_EQ(answer(0, 0, make_error(ErrorCode::Unavailable, "", "disk full")), 1u);
    ASSERT_TRUE(after(retention_pause));
    EXPECT_EQ(answer(0, 0, make_error(ErrorCode::Unavailable, "", "disk full")), 0u)
        << "the journal hears of it once";
    ASSERT_TRUE(after(retention_pause));
    retention.on_unreachable(now, asked);
    EXPECT_TRUE(after(retention_pause));
}

}  // namespace
}  // namespace tandem::roles::store_role
