#include "sip/uri.h"

#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

UriView uri(std::string_view text) {
    const auto parsed = UriView::parse(text);
    EXPECT_TRUE(parsed.has_value()) << text << ": " << parsed.error().message;
    return parsed ? *parsed : UriView();
}

TEST(Uri, TakesApart) {
    const UriView u =
        uri("sips:a%6cice;day=tuesday:pw@[2001:db8::9:1]:5071;transport=tcp;lr?s=a%20b&p=u");
    EXPECT_EQ(u.scheme, UriScheme::Sips);
    EXPECT_EQ(u.user, "a%6cice;day=tuesday");
    EXPECT_EQ(u.decoded_user(), "alice;day=tuesday");
    EXPECT_EQ(u.password, "pw");
    EXPECT_EQ(u.host(), "2001:db8::9:1");
    EXPECT_TRUE(u.host_port.ipv6);
    EXPECT_EQ(u.port(), 5071);
    EXPECT_EQ(u.params.get("Transport"), "tcp");
    EXPECT_TRUE(u.params.has("lr"));
    EXPECT_EQ(u.headers.get("s"), "a%20b");
    EXPECT_EQ(u.headers.get("P"), "u");

    const UriView tel = uri("tel:+1-(201)-555.0123;ext=7;phone-context=example.com");
    EXPECT_EQ(tel.scheme, UriScheme::Tel);
    EXPECT_EQ(tel.user, "+1-(201)-555.0123");
    EXPECT_EQ(tel.params.get("ext"), "7");

    EXPECT_EQ(uri("urn:service:sos").opaque, "service:sos");
    EXPECT_EQ(uri("SIP:Host").scheme, UriScheme::Sip);
    EXPECT_FALSE(uri("sip:host").has_user);
    EXPECT_EQ(uri("sip:*72#@host").user, "*72#");
}

TEST(Uri, RefusesWithAnOffset) {
    struct Case {
        std::string_view text;
        size_t offset;
    };
    const Case cases[] = {
        {"", 0},
        {"sip", 0},
        {":x", 0},
        {"1sip:x", 0},
        {"s p:x", 1},
        {"sip:", 4},
        {"sip:@h", 4},
        {"sip:a@", 6},
        {"sip:a b@h", 5},
        {"sip:a%4@h", 5},
        {"sip:a@h:", 8},
        {"sip:a@h:65536", 8},
        {"sip:a@h:5x", 8},
        {"sip:a@h>", 7},
        {"sip:a@h;", 8},
        {"sip:a@h;;x", 8},
        {"sip:a@h;=x", 8},
        {"sip:a@h;x=\"", 10},
        {"sip:a@h?", 8},
        {"sip:a@h?x=a b", 10},
        {"sip:a@b@c", 7},
        {"sip:[::1", 4},
        {"sip:[::1]x", 9},
        {"sip:[1::2::3]", 5},
        {"sip:[1:2]", 5},
        {"sip:[12345::]", 5},
        {"sip:2001:db8::1", 9},
        {"sip:[::1.2.3]", 5},
        {"tel:", 4},
        {"tel:+-", 4},
        {"tel:+1x", 6},
        {"tel:1;a=\"", 8},
        {"foo:", 4},
        {"foo:a b", 5},
        {"sip:a:p w@h", 7},
    };
    for (const Case& c : cases) {
        const auto parsed = UriView::parse(c.text);
        ASSERT_FALSE(parsed.has_value()) << c.text;
        EXPECT_EQ(parsed.error().offset, c.offset) << c.text;
        EXPECT_EQ(parsed.error().sip_status, 400) << c.text;
    }
}

TEST(Uri, Ipv6Forms) {
    for (const auto* text : {"sip:[::]", "sip:[::1]", "sip:[2001:db8::]", "sip:[1:2:3:4:5:6:7:8]",
                             "sip:[::ffff:192.0.2.1]", "sip:[1:2:3:4:5:6:192.0.2.1]",
                             "sip:[2001:db8:::192.0.2.1]", "sip:[1::8]:5060"}) {
        EXPECT_TRUE(UriView::parse(text).has_value()) << text;
    }
    EXPECT_TRUE(uri("sip:192.0.2.1").host_port.is_address());
    EXPECT_FALSE(uri("sip:192.0.2.256").host_port.is_ipv4());
    EXPECT_FALSE(uri("sip:1.2.3.4.5").host_port.is_ipv4());
    EXPECT_TRUE(uri("sip:[::1]").host_port.is_address());
}

// RFC 3261 19.1.4, its examples and the rules that they leave out.
TEST(Uri, Compares) {
    struct Case {
        std::string_view a, b;
        bool same;
    };
    const Case cases[] = {
        {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
        {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
        {"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
        {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
        {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
        {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
        {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
        {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
        {"sip:a@h", "sips:a@h", false},
        {"sip:a@h;maddr=1.2.3.4", "sip:a@h", false},
        {"sip:a:x@h", "sip:a@h", false},
        {"sip:a:x@h", "sip:a:X@h", false},
        {"sip:a%2cb@h", "sip:a,b@h", false},
        {"sip:a%2cb@h", "sip:a%2Cb@h", true},
        {"sip:h", "sip:a@h", false},
        {"tel:+1-201-555", "tel:+1201(555)", true},
        {"tel:+1201555;ext=1", "tel:+1201555", false},
        {"tel:7042;phone-context=example.com", "tel:7042;phone-context=EXAMPLE.com", true},
        {"tel:1", "sip:1@h", false},
        {"urn:x", "URN:x", true},
        {"urn:x", "urn:y", false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(equivalent(uri(c.a), uri(c.b)), c.same) << c.a << " | " << c.b;
        EXPECT_EQ(equivalent(uri(c.b), uri(c.a)), c.same) << c.b << " | " << c.a;
    }
}

TEST(Uri, CanonicalAor) {
    EXPECT_EQ(canonical_aor(uri("sips:%61lice:pw@ATLANTA.com:5061;lr?a=b")),
              "sip:alice@atlanta.com");
    EXPECT_EQ(canonical_aor(uri("sip:a%20b@[2001:DB8::1]")), "sip:a%20b@[2001:db8::1]");
    EXPECT_EQ(canonical_aor(uri("sip:*72#@h")), "sip:*72%23@h");
    EXPECT_EQ(canonical_aor(uri("sip:H")), "sip:h");
    EXPECT_EQ(canonical_aor(uri("tel:+1-2")), "tel:+12");
}

TEST(Uri, Builds) {
    Uri built{.user = "a b\xc3\xa9#",
              .host = "2001:db8::1",
              .port = 5070,
              .params = ";lr",
              .headers = "x=y"};
    EXPECT_EQ(built.text(), "sip:a%20b%C3%A9%23@[2001:db8::1]:5070;lr?x=y");
    EXPECT_EQ(Uri::from(uri(built.text())).text(), built.text());
    EXPECT_EQ(Uri::from(uri("sips:h")).text(), "sips:h");
    EXPECT_EQ(Uri::from(uri("tel:+1;ext=2")).text(), "tel:+1;ext=2");
    EXPECT_EQ(Uri::from(uri("urn:service:sos")).text(), "urn:service:sos");
}

}  // namespace
}  // namespace tandem::sip
