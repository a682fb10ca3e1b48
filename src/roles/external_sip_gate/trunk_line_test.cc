#include "roles/external_sip_gate/trunk_line.h"

#include <gtest/gtest.h>

#include <map>

#include "base/crypto.h"
#include "roles/external_sip_gate/limits.h"

namespace tandem::roles::external_sip_gate {
namespace {

using Health = TrunkLine::Health;
using sip::HeaderId;

struct LineTest : testing::Test {
    static model::Trunk trunk(std::vector<std::string> proxies,
                              model::TrunkMode mode = model::TrunkMode::Register) {
        model::Trunk made;
        made.name = "line";
        made.mode = mode;
        made.proxies = std::move(proxies);
        made.sip_domain = "provider.test";
        made.user = "4930100";
        return made;
    }
    TrunkLine line(const model::Trunk& of) { return {of, {"secret", "ktoken", "Tandem"}, rng}; }

    std::vector<TrunkLine::Sending> run(TrunkLine& of) {
        std::vector<TrunkLine::Sending> out;
        of.run(now, rng, out);
        return out;
    }
    static const TrunkLine::Sending* find(const std::vector<TrunkLine::Sending>& all,
                                          sip::Method method) {
        for (const auto& each : all)
            if (each.message.method() == method) return &each;
        return nullptr;
    }
    void answer(TrunkLine& of, const TrunkLine::Sending& to, int status) {
        sip::Message request = to.message;
        request.prepend(HeaderId::Via, "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1");
        of.on_response(now, to.purpose, sip::make_response(request, status, {}, "r"), rng);
    }
    // Until the next deadline, or for `most`.
    void pass(TrunkLine& of, Duration most) {
        const auto deadline = of.next_deadline();
        now = deadline ? std::min(std::max(*deadline, now), now + most) : now + most;
    }

    Instant now{1000s};
    SeededRng rng{7};
};

TEST_F(LineTest, KnowsWhomItExpectsOverTls) {
    model::Trunk of = trunk({"192.0.2.7;tls", "sip.provider.test:5071;tls", "192.0.2.9"});
    of.tls_ca = "ca";
    TrunkLine made = line(of);
    const auto asked = made.next_question(now);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->query.transport, ports::Transport::Tls);
    EXPECT_FALSE(asked->query.any_transport);
    const auto address = *SocketAddress::parse("192.0.2.8:5071");
    made.on_resolved(now, asked->proxy, {{{ports::Transport::Tls, address}}, ""});
    const auto keys = made.tls_keys();
    ASSERT_EQ(keys.size(), 2u);
    const auto literal = *SocketAddress::parse("192.0.2.7:5061");
    EXPECT_EQ(keys[0].address, literal);
    EXPECT_EQ(keys[1].address, address);
    EXPECT_EQ(made.tls_peer(keys[0]),
              (ports::TlsPeer{literal, keys[0].number, "192.0.2.7", true, "ca"}));
    EXPECT_EQ(made.tls_peer(keys[1]),
              (ports::TlsPeer{address, keys[1].number, "sip.provider.test", true, "ca"}));
    EXPECT_NE(keys[0].number, keys[1].number);
    made.take_news();
    made.on_tls_failed({address, keys[1].number, "self-signed certificate"});
    made.on_tls_failed({address, keys[1].number, "self-signed certificate"});
    made.on_tls_failed({address, keys[0].number, "of who expects another name"});
    made.on_tls_failed({*SocketAddress::parse("192.0.2.9:5060"), 0, "another's"});
    const auto news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text, "has no TLS with 192.0.2.8:5071: self-signed certificate");
}

TEST_F(LineTest, SharesAConnectionWithThoseWhoExpectTheSameOnly) {
    const auto number = [&](const model::Trunk& of) { return line(of).tls_keys().at(0).number; };
    const model::Trunk one = trunk({"192.0.2.7;tls"});
    model::Trunk other = one;
    other.name = "other";
    other.domain = DomainId{{3, 4}};
    EXPECT_EQ(number(one), number(other));
    other.tls_ca = "ca";
    EXPECT_NE(number(one), number(other));
    other.tls_ca.clear();
    other.tls_verify = false;
    EXPECT_NE(number(one), number(other));
    // Who shows a certificate there shares with nobody who does not, whatever the other one says.
    model::Trunk shows = one;
    shows.tls_certificate = "chain";
    EXPECT_NE(number(one), number(shows));
    model::Trunk renewed = shows;
    renewed.tls_certificate = "another";
    EXPECT_NE(number(renewed), number(shows));
    const auto with_key = [&](const char* key) {
        return TrunkLine(shows, {"", "", "", key}, rng).tls_keys().at(0).number;
    };
    EXPECT_EQ(with_key("key"), with_key("key"));
    EXPECT_NE(with_key("key"), with_key("forged")) << "anybody may have the chain";
    renewed = one;
    renewed.tls_ca = "\nshows " + hash_hex(HashAlgorithm::Sha256, "chain") + "\n";
    EXPECT_NE(number(renewed), number(shows));
    TrunkLine made = line(other);
    EXPECT_EQ(made.ways_to(now, "1", rng).at(0).tls_peer, number(other));
    EXPECT_EQ(run(made).at(0).tls_peer, number(other));
    EXPECT_EQ(line(trunk({"192.0.2.7"})).ways_to(now, "1", rng).at(0).tls_peer, 0u);
}

TEST_F(LineTest, TellsTheTransportWhatItShows) {
    model::Trunk of = trunk({"192.0.2.7;tls"});
    of.tls_certificate = "chain";
    TrunkLine made(of, {"secret", "ktoken", "Tandem", "key"}, rng);
    const auto peer = made.tls_peer(made.tls_keys().at(0));
    EXPECT_EQ(peer.certificate_pem, "chain");
    EXPECT_EQ(peer.key_pem, "key");
}

TEST_F(LineTest, SaysOnceThatANameLeadsNowhereAndShowsItWhileItDoes) {
    TrunkLine made = line(trunk({"sip.provider.test"}, model::TrunkMode::Peer));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(made.next_question(now));
        made.on_resolved(now, 0, {{}, "no such name"});
        now = now + resolve_retry;
    }
    auto news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text, "has no address for sip.provider.test: no such name");
    EXPECT_EQ(made.trouble(now), news[0].text);
    ASSERT_TRUE(made.next_question(now));
    made.on_resolved(now, 0, {{}, "the name servers do not answer"});
    EXPECT_EQ(made.take_news().size(), 1u);  // another reason
    now = now + resolve_retry;
    ASSERT_TRUE(made.next_question(now));
    const auto address = *SocketAddress::parse("192.0.2.8:5060");
    made.on_resolved(now, 0, {{{ports::Transport::Udp, address}}, ""});
    news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text, "has an address for sip.provider.test now");
    EXPECT_FALSE(news[0].is_trouble);
    EXPECT_EQ(made.trouble(now), "");
}

TEST_F(LineTest, LeavesOutWhereNoServerCanBeAndSaysSoOnce) {
    TrunkLine made = line(trunk({"sip.provider.test"}));
    const auto address = *SocketAddress::parse("192.0.2.7:5060");
    ports::ResolveReply reply{{{ports::Transport::Udp, address}}, ""};
    reply.unfit = "0.0.0.0:5060";
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(made.next_question(now));
        made.on_resolved(now, 0, reply);
        now = now + resolve_again;
    }
    const auto news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text,
              "leaves out 0.0.0.0:5060, where sip.provider.test leads to: no server can be there");
    EXPECT_TRUE(news[0].is_trouble);
    EXPECT_NE(made.trouble(now).find(news[0].text), std::string::npos);
    reply.unfit.clear();
    ASSERT_TRUE(made.next_question(now));
    made.on_resolved(now, 0, reply);
    EXPECT_EQ(made.trouble(now).find("leaves out"), std::string::npos);
    // Of a trunk that an earlier version has taken.
    TrunkLine old = line(trunk({"255.255.255.255", "192.0.2.7"}, model::TrunkMode::Peer));
    ASSERT_EQ(old.places().size(), 1u);
    EXPECT_EQ(old.places()[0].address, address);
    EXPECT_EQ(old.trouble(now), "has no address for 255.255.255.255: no server can be there");
    EXPECT_FALSE(old.next_question(now));
}

TEST_F(LineTest, ShowsWhyThereIsNoTlsUntilThereIs) {
    TrunkLine made = line(trunk({"192.0.2.7;tls"}, model::TrunkMode::Peer));
    const auto ping = run(made);
    ASSERT_EQ(ping.size(), 1u);
    made.on_tls_failed(
        {*SocketAddress::parse("192.0.2.7:5061"), ping[0].tls_peer, "self-signed certificate"});
    made.on_unanswered(now, ping[0].purpose, "it cannot be reached", rng);
    EXPECT_EQ(made.trouble(now), "has no TLS with 192.0.2.7:5061: self-signed certificate");
    now = now + ping_again;
    const auto again = run(made);
    ASSERT_EQ(again.size(), 1u);
    answer(made, again[0], 200);
    EXPECT_EQ(made.trouble(now), "");
}

TEST_F(LineTest, RegistersAtTheFirstProxyAndPingsAll) {
    TrunkLine made = line(trunk({"192.0.2.7:5080", "192.0.2.8;tcp"}));
    const auto sent = run(made);
    ASSERT_EQ(sent.size(), 3u);
    const auto* asked = find(sent, sip::Method::Register);
    ASSERT_NE(asked, nullptr);
    EXPECT_EQ(asked->address.text(), "192.0.2.7:5080");
    EXPECT_TRUE(asked->with_contact);
    EXPECT_EQ(made.places()[1].transport, ports::Transport::Tcp);
    EXPECT_EQ(made.places()[1].address.port, 5060);
    answer(made, *asked, 200);
    EXPECT_TRUE(made.is_registered(now));
    const auto news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text, "is registered at 192.0.2.7:5080");
    EXPECT_FALSE(news[0].is_trouble);
}

TEST_F(LineTest, GoesToTheNextProxyWhenOneIsSilent) {
    model::Trunk of = trunk({"192.0.2.7", "192.0.2.8"});
    of.ping = 0s;
    TrunkLine made = line(of);
    EXPECT_EQ(run(made).size(), 1u);
    now = now + register_deadline;
    const auto next = run(made);
    ASSERT_EQ(next.size(), 1u);
    EXPECT_EQ(next[0].address.text(), "192.0.2.8:5060");
    EXPECT_EQ(made.places()[0].health, Health::Down);
    now = now + register_deadline;
    EXPECT_TRUE(run(made).empty());  // a pause now
    EXPECT_EQ(made.registration()->state(), Registration::State::Waiting);
}

TEST_F(LineTest, MovesItsRegistrationAwayFromAProxyThatDied) {
    TrunkLine made = line(trunk({"192.0.2.7", "192.0.2.8"}));
    for (const auto& each : run(made)) answer(made, each, 200);
    ASSERT_TRUE(made.is_registered(now));
    now = now + 30s;
    const auto pings = run(made);
    ASSERT_EQ(pings.size(), 2u);
    answer(made, pings[1], 200);
    now = now + ping_deadline;
    const auto moved = run(made);
    const auto* asked = find(moved, sip::Method::Register);
    ASSERT_NE(asked, nullptr);
    EXPECT_EQ(asked->address.text(), "192.0.2.8:5060");
    const auto ways = made.ways_to(now, "+4930", rng);
    ASSERT_EQ(ways.size(), 2u);
    EXPECT_EQ(ways[0].address.text(), "192.0.2.8:5060");
    EXPECT_EQ(ways[1].address.text(), "192.0.2.7:5060");
    EXPECT_EQ(ways[0].request_uri, "sip:+4930@provider.test");
}

TEST_F(LineTest, RegistersAnewWithAProxyThatComesBack) {
    TrunkLine made = line(trunk({"192.0.2.7"}));
    for (const auto& each : run(made)) answer(made, each, 200);
    now = now + 30s;
    EXPECT_EQ(run(made).size(), 1u);
    now = now + ping_deadline;
    run(made);
    EXPECT_EQ(made.places()[0].health, Health::Down);
    EXPECT_TRUE(made.is_registered(now));
    now = now + ping_again;
    const auto ping = run(made);
    ASSERT_EQ(ping.size(), 1u);
    answer(made, ping[0], 200);
    EXPECT_NE(find(run(made), sip::Method::Register), nullptr);  // it may have forgotten us
}

TEST_F(LineTest, WaitsForNamesAndKeepsWhatItKnows) {
    TrunkLine made = line(trunk({"sip.provider.test;tcp"}));
    EXPECT_TRUE(run(made).empty());
    EXPECT_TRUE(made.has_unresolved());
    const auto question = made.next_question(now);
    ASSERT_TRUE(question);
    EXPECT_EQ(question->query.host, "sip.provider.test");
    EXPECT_FALSE(question->query.any_transport);
    EXPECT_FALSE(made.next_question(now));
    ports::ResolveReply found;
    found.places = {{ports::Transport::Tcp, *SocketAddress::parse("192.0.2.7:5060")}};
    made.on_resolved(now, 0, found);
    const auto sent = run(made);
    EXPECT_EQ(sent.size(), 2u);
    for (const auto& each : sent) answer(made, each, 200);
    now = now + resolve_again;
    ASSERT_TRUE(made.next_question(now));
    made.on_resolved(now, 0, {{}, "the name servers do not answer"});
    EXPECT_EQ(made.places().size(), 1u);
    EXPECT_EQ(made.places()[0].health, Health::Up);
    now = now + resolve_again;
    ASSERT_TRUE(made.next_question(now));
    found.places = {{ports::Transport::Tcp, *SocketAddress::parse("192.0.2.9:5060")}};
    made.on_resolved(now, 0, found);
    ASSERT_EQ(made.places().size(), 1u);
    EXPECT_EQ(made.places()[0].address.text(), "192.0.2.9:5060");
}

// "address rank server weight" of each; a new look-up that says so.
struct NamedLineTest : LineTest {
    using Places = std::vector<ports::ResolveReply::Place>;
    static ports::ResolveReply::Place at(std::string_view address, uint16_t rank = 0,
                                         uint16_t server = 0, uint16_t weight = 0) {
        return {ports::Transport::Udp, *SocketAddress::parse(address), rank, server, weight};
    }
    void find(TrunkLine& of, Places places, uint32_t ttl_s = 300, bool is_partial = false) {
        ASSERT_TRUE(of.next_question(now));
        ports::ResolveReply reply;
        reply.places = std::move(places);
        reply.ttl_s = ttl_s;
        reply.is_partial = is_partial;
        if (reply.places.empty()) reply.failure = "no such name";
        of.on_resolved(now, 0, reply);
    }
    std::string first(const TrunkLine& of) {
        return of.ways_to(now, "1", rng).at(0).address.ip.text();
    }
    static std::string asked(const std::vector<TrunkLine::Sending>& all) {
        const auto* found = LineTest::find(all, sip::Method::Register);
        return found == nullptr ? "" : found->address.ip.text();
    }
};

TEST_F(NamedLineTest, DrawsAmongEqualServersForEachCall) {
    TrunkLine made = line(trunk({"provider.test"}, model::TrunkMode::Peer));
    find(made, {at("192.0.2.1:5060", 0, 0, 30), at("192.0.2.2:5060", 0, 0, 30),
                at("192.0.2.3:5060", 0, 1, 10), at("192.0.2.4:5060", 1, 2, 100)});
    std::map<std::string, int> firsts;
    constexpr int kCalls = 4000;
    for (int i = 0; i < kCalls; ++i) {
        const auto ways = made.ways_to(now, "1", rng);
        ASSERT_EQ(ways.size(), 4u);
        EXPECT_EQ(ways[3].address.ip.text(), "192.0.2.4");
        const bool is_heavy = ways[0].address.ip.text() == "192.0.2.1";
        if (is_heavy) {
            EXPECT_EQ(ways[1].address.ip.text(), "192.0.2.2");  // the same server's
        }
        ++firsts[ways[0].address.ip.text()];
    }
    EXPECT_EQ(firsts.size(), 2u);
    EXPECT_NEAR(firsts["192.0.2.1"], kCalls * 0.75, kCalls * 0.05);
    EXPECT_NEAR(firsts["192.0.2.3"], kCalls * 0.25, kCalls * 0.05);
}

TEST_F(NamedLineTest, AsksAgainWhenTheRecordsExpire) {
    TrunkLine made = line(trunk({"provider.test"}, model::TrunkMode::Peer));
    find(made, {at("192.0.2.1:5060")}, 20);
    now = now + 19s;
    EXPECT_FALSE(made.next_question(now));
    now = now + 1s;
    find(made, {at("192.0.2.2:5060")}, 1);
    EXPECT_EQ(first(made), "192.0.2.2");
    now = now + 2s;
    EXPECT_FALSE(made.next_question(now));  // however short they are
    now = now + resolve_retry;
    find(made, {at("192.0.2.2:5060")}, 86'400);
    now = now + resolve_again;
    EXPECT_TRUE(made.next_question(now));  // however long
}

TEST_F(NamedLineTest, ANameThatStopsToResolveKeepsItsAddressesAndIsTold) {
    TrunkLine made = line(trunk({"provider.test"}, model::TrunkMode::Peer));
    find(made, {at("192.0.2.1:5060")});
    made.take_news();
    for (int i = 0; i < 3; ++i) {
        now = now + resolve_again;
        find(made, {});
    }
    const auto news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text, "goes on with the last addresses of provider.test: no such name");
    EXPECT_EQ(made.trouble(now), news[0].text);
    EXPECT_EQ(first(made), "192.0.2.1");
    now = now + resolve_again;
    find(made, {at("192.0.2.1:5060")});
    EXPECT_EQ(made.take_news().at(0).text, "can look up provider.test again");
    EXPECT_EQ(made.trouble(now), "");
}

TEST_F(NamedLineTest, HalfAnAnswerReplacesNoWholeOneForAWhile) {
    TrunkLine made = line(trunk({"provider.test"}, model::TrunkMode::Peer));
    find(made, {at("192.0.2.9:5060")}, 300, true);  // better than nothing
    EXPECT_EQ(first(made), "192.0.2.9");
    now = now + resolve_retry;
    find(made, {at("192.0.2.1:5060"), at("192.0.2.2:5060", 1, 1)});
    now = now + resolve_again;
    const Instant since = now;
    find(made, {at("192.0.2.2:5060")}, 300, true);
    EXPECT_EQ(first(made), "192.0.2.1");
    EXPECT_EQ(made.trouble(now),
              "goes on with the last addresses of provider.test: not all name servers answer");
    now = since + half_known_most;
    find(made, {at("192.0.2.2:5060")}, 300, true);
    EXPECT_EQ(first(made), "192.0.2.2");
}

TEST_F(NamedLineTest, RegistersWithAnotherServerWhenItsOwnIsNamedNoMore) {
    TrunkLine made = line(trunk({"provider.test"}));
    find(made, {at("192.0.2.1:5060"), at("192.0.2.2:5060", 1, 1)});
    for (const auto& each : run(made)) answer(made, each, 200);
    ASSERT_TRUE(made.is_registered(now));
    now = now + 20s;
    EXPECT_EQ(asked(run(made)), "");
    now = now + 40s;
    find(made, {at("192.0.2.2:5060"), at("192.0.2.3:5060", 1, 1)});
    EXPECT_EQ(asked(run(made)), "192.0.2.2");
}

TEST_F(NamedLineTest, ReturnsToABetterServerThatIsBackButChangesNoEqualOnes) {
    for (const uint16_t rank : {uint16_t{0}, uint16_t{1}}) {
        TrunkLine made = line(trunk({"provider.test"}));
        find(made, {at("192.0.2.1:5060"), at("192.0.2.2:5060", rank, 1)});
        const auto began = run(made);
        for (const auto& each : began)
            if (each.address.ip.text() == "192.0.2.2") answer(made, each, 200);
        now = now + ping_deadline;
        run(made);
        now = now + register_deadline - ping_deadline;
        const auto moved = run(made);
        EXPECT_EQ(asked(moved), "192.0.2.2");
        for (const auto& each : moved)
            if (each.address.ip.text() == "192.0.2.2") answer(made, each, 200);
        ASSERT_TRUE(made.is_registered(now));
        EXPECT_EQ(first(made), "192.0.2.2");
        std::string back;
        for (int i = 0; i < 20 && back.empty(); ++i) {
            now = now + 1s;
            const auto sent = run(made);
            for (const auto& each : sent)
                if (each.message.method() == sip::Method::Options) answer(made, each, 200);
            back = asked(run(made));
        }
        EXPECT_EQ(back, rank == 0 ? "" : "192.0.2.1");
    }
}

TEST_F(LineTest, APeerThatAnswersNoPingIsTriedAllTheSame) {
    TrunkLine made = line(trunk({"192.0.2.7"}, model::TrunkMode::Peer));
    EXPECT_TRUE(made.is_up(now));
    EXPECT_EQ(run(made).size(), 1u);
    now = now + ping_deadline;
    run(made);
    EXPECT_FALSE(made.is_up(now));
    EXPECT_EQ(made.ways_to(now, "1", rng).size(), 1u);
    made.leave(now);
    EXPECT_TRUE(made.is_gone());
}

TEST_F(LineTest, PingsAtOnceWhereACallWasGivenNoWord) {
    const auto address = *SocketAddress::parse("192.0.2.7:5060");
    TrunkLine made = line(trunk({"192.0.2.7", "192.0.2.8"}, model::TrunkMode::Peer));
    for (const auto& each : run(made)) answer(made, each, 200);
    now = now + 1s;
    made.on_silent(now, ports::Transport::Tcp, address);
    EXPECT_TRUE(run(made).empty());
    made.on_silent(now, ports::Transport::Udp, address);
    const auto sent = run(made);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].address, address);
    made.on_silent(now, ports::Transport::Udp, address);
    EXPECT_TRUE(run(made).empty());  // one is out
    now = now + ping_deadline;
    run(made);
    EXPECT_EQ(made.ways_to(now, "1", rng).at(0).address.ip.text(), "192.0.2.8");
}

TEST_F(LineTest, TakesLeaveOfItsRegistrar) {
    TrunkLine made = line(trunk({"192.0.2.7"}));
    for (const auto& each : run(made)) answer(made, each, 200);
    made.leave(now);
    EXPECT_FALSE(made.is_gone());
    const auto sent = run(made);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(*sent[0].message.header(HeaderId::Expires), "0");
    answer(made, sent[0], 200);
    EXPECT_TRUE(made.is_gone());
}

// Whatever comes, it does not want to act again at once and for ever.
TEST_F(LineTest, AsksForTimeThatGoesOn) {
    TrunkLine made = line(trunk({"192.0.2.7", "sip.provider.test"}));
    size_t sent = 0;
    const Instant end = now + 600s;
    int steps = 0;
    for (; now < end && steps < 5000; ++steps) {
        while (made.next_question(now)) made.on_resolved(now, 1, {{}, "no"});
        sent += run(made).size();
        pass(made, 60s);
        now = now + 1ms;
    }
    EXPECT_LT(steps, 1000);
    EXPECT_LT(sent, 600u);
}

}  // namespace
}  // namespace tandem::roles::external_sip_gate
