#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"
#include "model/entities.h"
#include "model/format.h"
#include "model/json_writer.h"
#include "model/patch.h"
#include "model/secret.h"

namespace tandem::model {
namespace {

constexpr const char* an_id = "0123456789abcdef0123456789abcdef";

template <typename T>
std::string error_of(std::string_view json) {
    const auto value = decode<T>(json, Source::Api);
    if (value) return "accepted";
    return std::string(to_string(value.error().code)) + " " + value.error().field + ": " +
           value.error().message;
}

TEST(Codec, FillsInDefaultsAndComesBackTheSame) {
    const auto domain = decode<Domain>(R"({"name":"acme.test"})", Source::Api);
    ASSERT_TRUE(domain);
    EXPECT_EQ(domain->name, "acme.test");
    EXPECT_EQ(domain->settings.expires_min, 60s);
    EXPECT_EQ(domain->settings.digest_algorithms, std::vector{DigestAlgorithm::Md5});
    EXPECT_FALSE(domain->parent);
    EXPECT_EQ(*decode<Domain>(encode(*domain, Audience::Store), Source::Api), *domain);
    EXPECT_EQ(*decode<Cdr>(encode(Cdr{}, Audience::Store), Source::Store), Cdr{});
}

TEST(Codec, NamesTheFieldAndWhatIsAllowed) {
    const struct {
        const char* json;
        const char* error_begins;
    } cases[] = {
        {R"({})", "missing name: is required"},
        {R"({"name":5})", "malformed name: must be a string, not a number"},
        {R"({"name":"Acme"})", "malformed name: must be a DNS name in lower case, not 'Acme'"},
        {R"({"name":""})", "out_of_range name: must have 1 to 253 bytes, not 0"},
        {R"({"name":"a","nam":1})",
         "unknown_field nam: is not known; the fields are id, name, parent"},
        {R"({"name":"a","parent":"x"})", "malformed parent: must be an id of 32"},
        {R"({"name":"a","settings":[]})", "malformed settings: must be an object, not a list"},
        {R"({"name":"a","settings":{"expires_min_s":5}})",
         "out_of_range settings.expires_min_s: must be an integer from 10 to 86400"},
        {R"({"name":"a","settings":{"expires_min_s":60.5}})",
         "malformed settings.expires_min_s: must be an integer from 10 to 86400"},
        {R"({"name":"a","settings":{"expires_min_s":99999999999999999999}})",
         "out_of_range settings.expires_min_s"},
        {R"({"name":"a","settings":{"blocked":"yes"}})",
         "malformed settings.blocked: must be true or false, not a string"},
        {R"({"name":"a","settings":{"digest_algorithms":[]}})",
         "out_of_range settings.digest_algorithms: must have 1 to 3 items, not 0"},
        {R"({"name":"a","settings":{"digest_algorithms":["MD5","CRC"]}})",
         "out_of_range settings.digest_algorithms[1]: must be one of MD5, SHA-256, SHA-512-256"},
        {R"({"name":"a","settings":{"colour":1}})", "unknown_field settings.colour"},
        {R"({"name":"a")", "malformed : is not JSON at byte"},
        {R"([1])", "malformed : the document must be a JSON object"},
        {R"({"name":"a"} x)", "malformed : is not JSON at byte"},
        {"", "malformed : is not JSON"},
    };
    for (const auto& c : cases)
        EXPECT_TRUE(error_of<Domain>(c.json).starts_with(c.error_begins))
            << c.json << "\n  gave    " << error_of<Domain>(c.json) << "\n  wanted  "
            << c.error_begins;
    EXPECT_EQ(error_of<Domain>(R"({"name":"a","settings":{"expires_min_s":60.0}})"), "accepted");
}

TEST(Codec, PathsReachIntoLists) {
    const std::string begin =
        R"({"server":")" + std::string(an_id) + R"(","name":"e","address":"::")";
    EXPECT_TRUE(error_of<Interface>(
                    begin + R"(,"advertised_for":[{"network":"10.0.0.0/8","address":"x"}]})")
                    .starts_with("malformed advertised_for[0].address: must be an IPv4 or IPv6"));
    EXPECT_TRUE(error_of<Interface>(begin + R"(,"local_networks":["10.0.0.0/8","10/8"]})")
                    .starts_with("malformed local_networks[1]: must be a network"));
    EXPECT_EQ(error_of<Interface>(begin + "}"), "accepted");
}

TEST(Codec, TheStoreIsReadLeniently) {
    const char* newer = R"({"name":"a","level":{"x":1},"settings":{"expires_min_s":5,
        "media_anchoring":"sometimes","digest_algorithms":["SHA-9","MD5"]}})";
    const auto domain = decode<Domain>(newer, Source::Store);
    ASSERT_TRUE(domain) << domain.error().message;
    EXPECT_EQ(domain->settings.expires_min, 5s);
    EXPECT_EQ(domain->settings.media_anchoring, MediaAnchoring::Always);
    EXPECT_EQ(domain->settings.digest_algorithms, std::vector{DigestAlgorithm::Md5});
    EXPECT_FALSE(decode<Domain>(R"({"name":5})", Source::Store));
}

TEST(Codec, SecretsAreNotShown) {
    Account account;
    account.login = "1001";
    account.credentials = {1, 2, 3};
    EXPECT_EQ(encode(account, Audience::Api).find("credentials"), std::string::npos);
    EXPECT_NE(encode(account, Audience::Store).find("\"credentials\":\"AQID\""), std::string::npos);
    const std::string error = error_of<Account>("{\"login\":\"a\",\"password\":\"se\\u0001cret\"}");
    EXPECT_TRUE(error.starts_with("malformed password: must be text")) << error;
    EXPECT_EQ(error.find("cret"), std::string::npos);
    EXPECT_EQ(error_of<Account>(R"({"login":"a","password":"secret"})"), "accepted");
}

TEST(Envelope, KeepsUnknownFieldsOfTheVersionBefore) {
    const std::string stored =
        R"({"schema":9,"stamp":{"utc_ms":5,"writer":"st-1"},"version":4,"value":{"name":"a",)"
        R"("colour":{"r":1},"settings":{"expires_min_s":60,"shade":"dark"}}})";
    auto domain = decode_stored<Domain>(stored);
    ASSERT_TRUE(domain);
    EXPECT_EQ(domain->head.schema, 9);
    EXPECT_EQ(domain->head.version, 4u);
    EXPECT_EQ(domain->head.writer, "st-1");
    EXPECT_EQ(domain->head.written, UtcTime{5});
    domain->value.settings.expires_min = 70s;
    const std::string next = encode_stored(domain->value, domain->head, stored);
    EXPECT_NE(next.find(R"("colour":{"r":1})"), std::string::npos) << next;
    EXPECT_NE(next.find(R"("shade":"dark")"), std::string::npos) << next;
    EXPECT_EQ(decode_stored<Domain>(next)->value, domain->value);
    for (const char* broken : {"", "[]", "{}", R"({"value":5})", "{\"value\":{}"})
        EXPECT_FALSE(decode_stored<Domain>(broken)) << broken;
}

TEST(Patch, MergesAndGuards) {
    const std::string current =
        R"({"id":"1","name":"a","realm":"a","settings":{"blocked":false,"contacts_max":3}})";
    const auto merged = merge_patch(current, R"({"settings":{"blocked":true,"contacts_max":null}})",
                                    shape_of<Domain>());
    ASSERT_TRUE(merged);
    EXPECT_EQ(*merged, R"({"id":"1","name":"a","realm":"a","settings":{"blocked":true}})");
    const struct {
        const char* patch;
        const char* field;
    } refused[] = {
        {R"({"id":"2"})", "id"}, {R"({"realm":"b"})", "realm"}, {R"({"realm":null})", "realm"}};
    for (const auto& c : refused) {
        const auto outcome = merge_patch(current, c.patch, shape_of<Domain>());
        ASSERT_FALSE(outcome) << c.patch;
        EXPECT_EQ(outcome.error().field, c.field);
        EXPECT_EQ(outcome.error().code, ErrorCode::Forbidden);
    }
    EXPECT_TRUE(merge_patch(current, R"({"id":"1","realm":"a"})", shape_of<Domain>()));
    for (const auto& [patch, field] : {std::pair{R"({"colour":null})", "colour"},
                                       {R"({"settings":{"colour":null}})", "settings.colour"}}) {
        const auto outcome = merge_patch(current, patch, shape_of<Domain>());
        ASSERT_FALSE(outcome) << patch;
        EXPECT_EQ(outcome.error().field, field);
        EXPECT_EQ(outcome.error().code, ErrorCode::UnknownField);
    }
    EXPECT_FALSE(merge_patch(current, "[]", shape_of<Domain>()));
    EXPECT_EQ(check_given(R"({"id":"1"})", shape_of<Domain>()).error().field, "id");
    EXPECT_TRUE(check_given(R"({"realm":"a"})", shape_of<Domain>()));
    EXPECT_EQ(text_member(R"({"password":"x"})", "password"), "x");
    EXPECT_EQ(text_member(R"({"password":5})", "password"), std::nullopt);
}

TEST(Format, AcceptsAndRefuses) {
    const struct {
        Format format;
        const char* text;
        bool good;
    } cases[] = {
        {Format::Ip, "192.0.2.1", true},
        {Format::Ip, "192.0.2.256", false},
        {Format::Ip, "192.0.2", false},
        {Format::Ip, "192.0.2.1.5", false},
        {Format::Ip, "::", true},
        {Format::Ip, "2001:db8::1", true},
        {Format::Ip, "1:2:3:4:5:6:7:8", true},
        {Format::Ip, "1:2:3:4:5:6:7:8:9", false},
        {Format::Ip, "1::2::3", false},
        {Format::Ip, "::ffff:192.0.2.1", true},
        {Format::Ip, "1:2:3:4:5:6:7:", false},
        {Format::Ip, ":1", false},
        {Format::Ip, "1::", true},
        {Format::Ip, "g::", false},
        {Format::Cidr, "10.0.0.0/8", true},
        {Format::Cidr, "10.0.0.0/33", false},
        {Format::Cidr, "fe80::/10", true},
        {Format::Cidr, "10.0.0.0/", false},
        {Format::Cidr, "10.0.0.0", false},
        {Format::DomainName, "a-b.c_d.test", true},
        {Format::DomainName, "-a.test", false},
        {Format::DomainName, "a..b", false},
        {Format::DomainName, "a.", false},
        {Format::Number, "+4930123", true},
        {Format::Number, "*21#", true},
        {Format::Number, "+", false},
        {Format::Number, "1 2", false},
        {Format::Login, "a.b-c_1+2", true},
        {Format::Login, "a@b", false},
        {Format::HostPort, "h.test:9060", true},
        {Format::HostPort, "[::1]:1", true},
        {Format::HostPort, "h:0", false},
        {Format::HostPort, "h", false},
        {Format::HostPort, "h:", false},
        {Format::Email, "a@b.test", true},
        {Format::Email, "@b", false},
        {Format::Text, "Zo\xc3\xab", true},
        {Format::Text, "\xc3", false},
        {Format::Text, "\xed\xa0\x80", false},
        {Format::Text, "\xc0\xaf", false},
        {Format::Text, "a\nb", false},
        {Format::Name, "node-1", true},
        {Format::Name, "Node", false},
        {Format::Path, "relative", false},
        {Format::Realm, "a:b", false},
        {Format::TimeZone, "Europe/Berlin", true},
    };
    for (const auto& c : cases) EXPECT_EQ(matches(c.format, c.text), c.good) << c.text;
}

TEST(JsonString, EscapesWhatItMust) {
    std::string out;
    append_json_string(out, "a\"b\\c\n\x01\xc3\xab");
    EXPECT_EQ(out, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xab\"");
}

TEST(Secret, SealsDigestsOfThePassword) {
    // RFC 7616 3.9.1: user Mufasa, realm http-auth@example.org, password Circle of Life.
    const Ha1Set digests = compute_ha1("Mufasa", "http-auth@example.org", "Circle of Life");
    EXPECT_EQ(digests.hex(DigestAlgorithm::Md5), "3d78807defe7de2157e2b0b6573a855f");
    EXPECT_EQ(digests.hex(DigestAlgorithm::Sha256),
              "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
    SeededRng rng(1);
    SealKey key{};
    key[0] = 1;
    const Bytes box = seal_ha1(digests, key, rng);
    EXPECT_EQ(box.size(), 108u);
    EXPECT_NE(box, seal_ha1(digests, key, rng)) << "the nonce is fresh";
    EXPECT_EQ(unseal_ha1(box, key), digests);
    EXPECT_EQ(unseal_ha1(box, SealKey{}), std::nullopt);
    Bytes damaged = box;
    damaged[50] ^= 1;
    EXPECT_EQ(unseal_ha1(damaged, key), std::nullopt);
    EXPECT_EQ(unseal_ha1({}, key), std::nullopt);
}

}  // namespace
}  // namespace tandem::model
