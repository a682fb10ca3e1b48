#include "roles/web_gate/router.h"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <string>

namespace tandem::roles::web_gate {
namespace {

TEST(Router, EveryRouteIsFoundByItsOwnPattern) {
    for (const Route& route : all_routes()) {
        std::string path(route.pattern);
        for (const char* hole : {"{domain}", "{id}"}) {
            if (const size_t at = path.find(hole); at != std::string::npos) {
                path.replace(at, std::string_view(hole).size(), "x");
            }
        }
        const auto match = match_route(path);
        ASSERT_TRUE(match) << path;
        EXPECT_EQ(match->route, &route) << path;
    }
    for (const char* none :
         {"", "/", "/api", "/api/v1", "/api/v1/domains/", "/api/v1/domains//accounts",
          "/api/v1/calls/x/trace/y", "api/v1/health"}) {
        EXPECT_FALSE(match_route(none)) << none;
    }
}

// The contract names exactly what the router has.
TEST(Router, OpenApiIsInStep) {
    std::ifstream file("api/openapi.yaml");
    ASSERT_TRUE(file) << "run from the checkout";
    std::map<std::string, uint8_t> described;
    std::string path;
    for (std::string line; std::getline(file, line) && line != "components:";) {
        if (line.starts_with("  /") && line.find("paths.json#/") != std::string::npos) {
            // Kinds that are all alike: their operations are in the generated file.
            const bool is_item = line.find("/{id}:") != std::string::npos;
            const bool is_of_account = line.find("#/account-") != std::string::npos;
            EXPECT_EQ(is_item, line.ends_with("-item\"}")) << line;
            described[line.substr(2, line.find(": ") - 2)] = is_of_account ? kGet | kPut | kPatch
                                                             : is_item
                                                                 ? kGet | kPut | kPatch | kDelete
                                                                 : kGet | kPost;
        } else if (line.starts_with("  /") && line.ends_with(":")) {
            path = line.substr(2, line.size() - 3);
        } else if (!path.empty() && line.size() > 4 && line.starts_with("    ") && line[4] != ' ') {
            std::string method = line.substr(4, line.find(':') - 4);
            for (char& c : method) c = static_cast<char>(std::toupper(c));
            described[path] |= method_bit(method);
        }
    }
    for (const Route& route : all_routes()) {
        EXPECT_EQ(described[std::string(route.pattern)], route.methods) << route.pattern;
    }
    EXPECT_EQ(described.size(), all_routes().size());
}

}  // namespace
}  // namespace tandem::roles::web_gate
