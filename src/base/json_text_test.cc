#include "base/json_text.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(JsonText, EscapesWhatMustBe) {
    std::string out;
    append_json_string(out, "a\"\\\n\x01\xd0\x96\xff");
    EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001\xd0\x96\xef\xbf\xbd\"");
}

TEST(JsonText, RefusesOverlongAndSurrogates) {
    for (const char* bytes : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
        std::string out;
        append_json_string(out, bytes);
        EXPECT_EQ(out.find(bytes), std::string::npos) << bytes;
    }
}

TEST(JsonWriter, PlacesCommas) {
    JsonWriter json;
    json.begin_object().field("a").value(1).field("b").begin_list().value("x").value(true);
    json.begin_object()
        .end_object()
        .end_list()
        .field("c")
        .value(0.5)
        .field("d")
        .null()
        .end_object();
    EXPECT_EQ(json.take(), R"({"a":1,"b":["x",true,{}],"c":0.5,"d":null})");
}

}  // namespace
}  // namespace tandem
