#include "call/failure.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::call {
namespace {

TEST(Failure, TheBestOfManyIsTold) {
    struct Case {
        std::vector<int> statuses;
        int best;
    };
    const Case cases[] = {
        {{}, 0},           {{404}, 404},      {{404, 486}, 486},      {{500, 404}, 500},
        {{486, 603}, 603}, {{480, 486}, 486}, {{488, 480, 404}, 480}, {{500, 302}, 500},
        {{408, 488}, 488}, {{499, 408}, 408}, {{502, 500}, 502},      {{486, 606}, 486},
        {{606, 603}, 603}, {{606, 500}, 606}, {{500, 486}, 486},      {{480, 500}, 500},
    };
    for (const Case& c : cases) EXPECT_EQ(best_failure(c.statuses), c.best) << c.best;
}

TEST(Failure, WhatIsOursIsNotTold) {
    struct Case {
        int status, shown;
    };
    const Case cases[] = {{401, 480}, {407, 480}, {430, 480}, {408, 480},
                          {503, 500}, {302, 480}, {486, 486}, {603, 603}};
    for (const Case& c : cases) EXPECT_EQ(shown_failure(c.status), c.shown) << c.status;
}

TEST(Failure, ReasonHeadersAreQuoted) {
    EXPECT_EQ(reason_header(200, ""), "SIP;cause=200");
    EXPECT_EQ(reason_header(480, "a \"b\"\r\n"), "SIP;cause=480;text=\"a \\\"b\\\"  \"");
}

}  // namespace
}  // namespace tandem::call
