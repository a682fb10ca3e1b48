#include <gtest/gtest.h>

#include "roles/web_gate/views.h"

namespace tandem::roles::web_gate {
namespace {

std::string route(std::string_view steps, std::string_view id, std::string_view of = "account") {
    return "{\"steps\":[" + std::string(steps) + "],\"destinations\":[{\"domain\":\"b.test\",\"" +
           std::string(of) + "\":\"" + std::string(id) + "\",\"number\":\"1\"}],\"sip_status\":0}";
}

TEST(RoutingViews, WhatAnotherDomainHasSetIsItsOwn) {
    const std::string at_home =
        R"({"step":"passed-over","reason":"a"},{"step":"rule","reason":"b"})";
    const std::string way = R"(,{"step":"cross","reason":"c"})";
    const std::string there =
        R"(,{"step":"passed-over","reason":"d"},{"step":"account","reason":"f"})";
    const std::string back = R"(,{"step":"redial","reason":"g"})";
    EXPECT_EQ(without_elsewhere(route(at_home + way + there + back, "id")),
              route(at_home + way + back, ""));
    EXPECT_EQ(without_elsewhere(route(at_home, "id")), route(at_home, "id"));
    // Over a trunk of the other domain there is no account.
    EXPECT_EQ(without_elsewhere(route(at_home + way + there, "id", "trunk")),
              route(at_home + way, "", "trunk"));
}

}  // namespace
}  // namespace tandem::roles::web_gate
