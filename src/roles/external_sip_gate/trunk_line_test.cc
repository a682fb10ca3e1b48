#include "roles/external_sip_gate/trunk_line.h"

#include <gtest/gtest.h>

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
    const auto peers = made.tls_peers();
    ASSERT_EQ(peers.size(), 2u);
    EXPECT_EQ(peers[0], (ports::TlsPeer{*SocketAddress::parse("192.0.2.7:5061"), peers[0].number,
                                        "192.0.2.7", true, "ca"}));
    EXPECT_EQ(peers[1],
              (ports::TlsPeer{address, peers[1].number, "sip.provider.test", true, "ca"}));
    EXPECT_NE(peers[0].number, peers[1].number);
    made.take_news();
    made.on_tls_failed({address, peers[1].number, "self-signed certificate"});
    made.on_tls_failed({address, peers[1].number, "self-signed certificate"});
    made.on_tls_failed({address, peers[0].number, "of who expects another name"});
    made.on_tls_failed({*SocketAddress::parse("192.0.2.9:5060"), 0, "another's"});
    const auto news = made.take_news();
    ASSERT_EQ(news.size(), 1u);
    EXPECT_EQ(news[0].text, "has no TLS with 192.0.2.8:5071: self-signed certificate");
}

TEST_F(LineTest, SharesAConnectionWithThoseWhoExpectTheSameOnly) {
    const auto number = [&](const model::Trunk& of) { return line(of).tls_peers().at(0).number; };
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
    TrunkLine made = line(other);
    EXPECT_EQ(made.ways_to(now, "1").at(0).tls_peer, number(other));
    EXPECT_EQ(run(made).at(0).tls_peer, number(other));
    EXPECT_EQ(line(trunk({"192.0.2.7"})).ways_to(now, "1").at(0).tls_peer, 0u);
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
    const auto ways = made.ways_to(now, "+4930");
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

TEST_F(LineTest, APeerThatAnswersNoPingIsTriedAllTheSame) {
    TrunkLine made = line(trunk({"192.0.2.7"}, model::TrunkMode::Peer));
    EXPECT_TRUE(made.is_up(now));
    EXPECT_EQ(run(made).size(), 1u);
    now = now + ping_deadline;
    run(made);
    EXPECT_FALSE(made.is_up(now));
    EXPECT_EQ(made.ways_to(now, "1").size(), 1u);
    made.leave(now);
    EXPECT_TRUE(made.is_gone());
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
