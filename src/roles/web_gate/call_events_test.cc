// What happens to calls, told to a client for as long as it listens.
#include "roles/web_gate/limits.h"
#include "roles/web_gate/web_gate_fixture_test.h"

namespace tandem::roles::web_gate {
namespace {

struct EventsTest : WebTest {
    using Kind = ports::CallEvent::Kind;
    std::vector<ports::Letter> begin() {
        HttpRequest request = get("/api/v1/domains/acme.test/events");
        request.headers.emplace_back("accept", "text/event-stream");
        return ask(std::move(request));
    }
    std::vector<ports::Letter> give(ports::Payload payload, ports::Instance from = kCallState) {
        ports::Outbox out;
        web.on_letter(now, {from, kSelf, from == ports::kHttp ? asked : 0, std::move(payload)},
                      out);
        return out.take();
    }
    std::vector<ports::Letter> wait(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        if (web.next_deadline() && *web.next_deadline() <= now.mono) web.on_timeout(now, out);
        return out.take();
    }
    ports::CallEvents events(uint64_t after, uint64_t number, ports::CallEvent::Kind kind) {
        ports::CallEvents all{asked, after, number, true, {}};
        all.events.push_back({kind, now.utc, {}});
        all.events.back().call.call = {kCall};
        all.events.back().call.domain = {kDomain};
        return all;
    }
    static ports::CallEvents numbered(ports::CallEvents events, uint64_t at) {
        events.tenure = 0xabc1;
        events.at = at;
        for (ports::CallEvent& each : events.events)
            if (each.kind != Kind::State) each.number = at;
        return events;
    }
    static const ports::CallEventsFollow* follow_in(const std::vector<ports::Letter>& letters) {
        for (const ports::Letter& each : letters)
            if (const auto* follow = get_if<ports::CallEventsFollow>(&each.payload)) return follow;
        return nullptr;
    }
    static std::string said(const std::vector<ports::Letter>& letters) {
        std::string text;
        for (const ports::Letter& each : letters)
            if (const auto* part = get_if<ports::HttpPart>(&each.payload)) text += part->bytes;
        return text;
    }
};

TEST_F(EventsTest, PassesOnWhatCallStateTellsAsTheClientTakesIt) {
    const auto begun = begin();
    ASSERT_EQ(begun.size(), 2u);
    EXPECT_TRUE(ports::get<HttpResponse>(begun[0].payload).streamed);
    EXPECT_EQ(begun[1].to, kCallState);
    EXPECT_EQ(follow_in(begun)->domain, DomainId{kDomain});
    EXPECT_TRUE(give(events(0, 1, Kind::State)).empty()) << "no room yet";
    std::string text = said(give(ports::HttpTaken{}, ports::kHttp));
    EXPECT_TRUE(text.starts_with("event: state\ndata: {\"begins\":true,\"complete\":true,"))
        << text;
    EXPECT_NE(text.find("\"domain_name\":\"acme.test\""), std::string::npos);
    EXPECT_TRUE(give(events(1, 2, Kind::Answered)).empty());
    EXPECT_TRUE(give(events(2, 3, Kind::Ended)).empty());
    text = said(give(ports::HttpTaken{}, ports::kHttp));
    EXPECT_TRUE(text.starts_with("event: answered\ndata: {\"at\":")) << text;
    EXPECT_NE(text.find("\n\nevent: ended\n"), std::string::npos);
    EXPECT_TRUE(give(ports::HttpTaken{}, ports::kHttp).empty());
    EXPECT_FALSE(said(give(events(3, 4, Kind::Begun))).empty()) << "at once where there is room";
}

TEST_F(EventsTest, WhoeverHasMissedSomethingIsToldAll) {
    (void)begin();
    (void)give(events(0, 1, Kind::State));
    const auto again = give(events(2, 3, Kind::Answered));
    ASSERT_TRUE(follow_in(again));
    EXPECT_EQ(follow_in(again)->known, 0u);
    EXPECT_TRUE(give(events(3, 4, Kind::Ended)).empty()) << "asked once";
    (void)give(events(0, 5, Kind::State));
    (void)give(ports::HttpTaken{}, ports::kHttp);
    const auto renewed = wait(event_renewal);
    ASSERT_TRUE(follow_in(renewed));
    EXPECT_EQ(follow_in(renewed)->known, 5u);
    EXPECT_TRUE(give(events(5, 6, Kind::Ended), {77}).empty()) << "somebody else's";
}

TEST_F(EventsTest, SaysWhatItsClientHasSeenLast) {
    HttpRequest request = get("/api/v1/domains/acme.test/events");
    request.headers.emplace_back("last-event-id", "000000000000abc1-7");
    auto begun = ask(std::move(request));
    ASSERT_TRUE(follow_in(begun));
    EXPECT_EQ(follow_in(begun)->known, 0u);
    EXPECT_EQ(follow_in(begun)->tenure, 0xabc1u);
    EXPECT_EQ(follow_in(begun)->seen, 7u);
    (void)give(ports::HttpTaken{}, ports::kHttp);
    auto missed = numbered(events(0, 1, Kind::Answered), 9);
    missed.resumed = true;
    const std::string text = said(give(std::move(missed)));
    EXPECT_TRUE(text.starts_with("event: answered\n")) << "no state: it goes on";
    EXPECT_TRUE(text.ends_with("\nid: 000000000000abc1-9\n\n")) << text;
    // A lost letter: it goes on after what the client has got.
    const auto again = give(numbered(events(2, 3, Kind::Ended), 11));
    ASSERT_TRUE(follow_in(again));
    EXPECT_EQ(follow_in(again)->known, 0u);
    EXPECT_EQ(follow_in(again)->seen, 9u);
}

TEST_F(EventsTest, TellsOfAGap) {
    HttpRequest request = get("/api/v1/domains/acme.test/events");
    request.headers.emplace_back("last-event-id", "what \"is\" this");
    const auto begun = ask(std::move(request));
    ASSERT_TRUE(follow_in(begun));
    EXPECT_NE(follow_in(begun)->tenure, 0u) << "it has seen something, and nobody knows what";
    auto part = numbered(events(0, 1, Kind::State), 20);
    part.gap = true;
    part.complete = false;
    (void)give(ports::HttpTaken{}, ports::kHttp);
    std::string text = said(give(std::move(part)));
    EXPECT_TRUE(
        text.starts_with("event: gap\ndata: {\"after\":\"what \\\"is\\\" this\"}\n\n"
                         "event: state\n"))
        << text;
    EXPECT_EQ(text.find("\nid: "), std::string::npos) << "half a state is no place to go on from";
    EXPECT_EQ(follow_in(wait(event_renewal))->tenure, 0u);
    (void)give(ports::HttpTaken{}, ports::kHttp);
    text = said(give(numbered(events(1, 2, Kind::State), 20)));
    EXPECT_NE(text.find("\nid: 000000000000abc1-20\n"), std::string::npos) << text;
}

TEST_F(EventsTest, GoesToWhoeverHasThePost) {
    (void)begin();
    (void)give(events(0, 1, Kind::State));
    directory.replace({{{13}, RoleKind::CallState, 0, 100, true, 1}});
    ports::Outbox out;
    web.on_directory(now, out);
    const auto letters = out.take();
    ASSERT_TRUE(follow_in(letters));
    EXPECT_EQ(letters.back().to, ports::Instance{13});
    EXPECT_EQ(follow_in(letters)->known, 0u);
    EXPECT_TRUE(give(events(1, 2, Kind::Ended)).empty()) << "of the former one";
    (void)give(ports::HttpTaken{}, ports::kHttp);
    (void)give(ports::HttpTaken{}, ports::kHttp);
    EXPECT_NE(said(give(events(0, 1, Kind::State), {13})).find("\"begins\":true"),
              std::string::npos);
}

TEST_F(EventsTest, EndsWithTheClientTheRightOrTheGate) {
    (void)begin();
    auto letters = give(ports::HttpTaken{true}, ports::kHttp);
    ASSERT_TRUE(follow_in(letters));
    EXPECT_TRUE(follow_in(letters)->over);
    letters = give(events(1, 2, Kind::Ended));
    ASSERT_TRUE(follow_in(letters)) << "CS hears that nobody listens";
    EXPECT_TRUE(follow_in(letters)->over);

    (void)begin();
    std::string huge(event_bytes_max, 'x');
    auto much = events(0, 1, Kind::State);
    much.events[0].call.caller = huge;
    letters = give(std::move(much));
    EXPECT_TRUE(ports::get<ports::HttpPart>(letters.at(0).payload).last)
        << "a client that takes nothing";

    (void)begin();
    (void)give(ports::HttpTaken{}, ports::kHttp);
    (void)wait(event_renewal);
    (void)wait(event_renewal);
    EXPECT_EQ(said(wait(event_renewal)), ":\n\n") << "a word into the silence";
    feed.reset();
    catalog = feed.snapshot();
    letters = wait(event_renewal);
    ASSERT_FALSE(letters.empty());
    EXPECT_TRUE(ports::get<ports::HttpPart>(letters.at(0).payload).last) << "the domain is gone";
    EXPECT_EQ(at_once(get("/api/v1/domains/acme.test/events")).status, 404);
}

TEST_F(EventsTest, ADrainingGateEndsThem) {
    (void)begin();
    ports::Outbox out;
    web.drain(now, out);
    EXPECT_TRUE(ports::get<ports::HttpPart>(out.letters().at(0).payload).last);
    EXPECT_TRUE(web.is_idle());
}

}  // namespace
}  // namespace tandem::roles::web_gate
