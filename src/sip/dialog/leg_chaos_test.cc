// Random owners and peers against one leg: whatever comes, it tells one end, ends, and survives
// being replaced by its own snapshot.
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "sip/dialog/leg.h"
#include "sip/parser.h"
#include "sip/transaction/layer_snapshot.h"

namespace tandem::sip {
namespace {

constexpr UserKey kLeg = 1;

sdp::Session some_sdp(Rng& rng) {
    sdp::Session session;
    session.times = {"0 0"};
    session.connection.address = "192.0.2.1";
    const size_t streams = 1 + rng.below(2);
    for (size_t i = 0; i < streams; ++i) {
        sdp::Media media;
        media.type = rng.below(4) == 0 ? "video" : "audio";
        media.port = static_cast<uint16_t>(rng.below(3) * 2000);
        media.formats = {"8"};
        session.media.push_back(std::move(media));
    }
    return session;
}

bool is_end(LegEvent::Kind kind) {
    using Kind = LegEvent::Kind;
    return kind == Kind::Cancelled || kind == Kind::Rejected || kind == Kind::Bye ||
           kind == Kind::Ended;
}

class Chaos {
 public:
    explicit Chaos(uint64_t seed) : rng_(seed), layer_(layer_settings_), leg_(kLeg, settings()) {}

    void run() {
        begin();
        const size_t steps = 5 + rng_.below(40);
        for (size_t i = 0; i < steps; ++i) step();
        leg_.hangup(ctx(), 0, {});
        settle();
        // All timers together: a session, a BYE that waits 32 s for its ACK, the BYE's 32 s.
        for (size_t i = 0; i < 10'000 && !leg_.is_gone(); ++i) advance_to_next();
        EXPECT_TRUE(leg_.is_gone()) << to_string(leg_.state());
        EXPECT_FALSE(leg_.next_deadline());
        EXPECT_EQ(ends_ + (failed_ ? 1 : 0), 1) << "ends told";
        for (size_t i = 0; i < 10'000 && layer_.next_deadline(); ++i) advance_to_next();
        EXPECT_EQ(layer_.size(), 0u);
    }
    bool was_established() const { return established_; }

 private:
    LegSettings settings() {
        LegSettings s;
        s.envelope.hop =
            Hop::of(0, rng_.below(2) ? Reliability::Reliable : Reliability::Unreliable);
        s.local_tag = "us";
        s.provisionals = static_cast<Provisionals>(rng_.below(4));
        s.session_timer.enabled = rng_.below(2) == 0;
        s.session_timer.session_expires_s = 200;
        s.prefer_update = rng_.below(2) == 0;
        if (rng_.below(3) == 0) s.credentials = LegCredentials{"us", "secret"};
        return s;
    }

    LegContext& ctx() {
        context_.emplace(LegContext{now_, layer_, wire_, rng_, events_});
        return *context_;
    }

    Payload payload() {
        Payload p;
        if (rng_.below(4) != 0) p.sdp = some_sdp(rng_);
        return p;
    }

    void begin() {
        if (rng_.below(2) == 0) {
            leg_.invite(
                ctx(),
                {"sip:peer@example.org", "<sip:us@t>", "<sip:peer@e>", "call", {}, payload()});
            settle();
        } else {
            arrive_request("INVITE");
        }
    }

    void step() {
        const uint64_t kind = rng_.below(10);
        if (kind < 3) {
            arrive_request(pick_method());
        } else if (kind < 6) {
            arrive_response();
        } else if (kind < 8) {
            command();
            settle();
        } else {
            advance_to_next();
        }
        if (rng_.below(4) == 0) {
            layer_ = TransactionLayer::restore(layer_settings_, layer_.snapshot());
            leg_ = Leg::restore(leg_.snapshot());
        }
    }

    std::string_view pick_method() {
        constexpr std::array methods = {"INVITE", "ACK",    "ACK",  "ACK",   "CANCEL",
                                        "BYE",    "UPDATE", "INFO", "PRACK", "OPTIONS"};
        const uint64_t at = rng_.below(methods.size());
        // Calls would be too short otherwise.
        if (methods[at] == std::string_view("BYE") && rng_.below(4) != 0) return "ACK";
        return methods[at];
    }

    void arrive_request(std::string_view method) {
        const bool first = leg_.state() == LegState::Idle;
        const bool same_branch = method == "CANCEL" || (method == "ACK" && rng_.below(3) == 0);
        if (!same_branch) branch_ = "z9hG4bK" + std::to_string(++branches_);
        if (method == "INVITE") invite_branch_ = branch_;
        const bool of_invite = method == "ACK" || method == "CANCEL";
        if (!of_invite) ++cseq_;
        if (method == "INVITE") invite_cseq_ = cseq_;
        Message m = Message::request(method, "sip:us@t");
        m.append(HeaderId::Via,
                 "SIP/2.0/UDP 192.0.2.1;branch=" + (same_branch ? invite_branch_ : branch_));
        m.append(HeaderId::From, "<sip:peer@e>;tag=peer");
        m.append(HeaderId::To, first ? "<sip:us@t>" : "<sip:us@t>;tag=us");
        m.append(HeaderId::CallId, "call");
        m.append(HeaderId::CSeq,
                 std::to_string(of_invite ? invite_cseq_ : cseq_) + " " + std::string(method));
        m.append(HeaderId::Contact, "<sip:peer@192.0.2.1>");
        if (rng_.below(2)) m.append(HeaderId::Supported, "100rel, timer");
        if (rng_.below(2)) m.append(HeaderId::Allow, "INVITE, UPDATE, BYE");
        if (rng_.below(3) == 0) m.append(HeaderId::SessionExpires, "100");
        if (method == "PRACK") m.append(HeaderId::RAck, rack_);
        add_sdp(m);
        const auto arrival = layer_.on_request(now_, m, settings_hop(), wire_);
        const bool begins = first && arrival.kind == RequestArrival::Kind::Request;
        if (begins) {
            leg_.on_invite(ctx(), arrival.server, std::move(m));
        } else {
            leg_.on_request(ctx(), arrival, std::move(m));
        }
        settle();
    }

    void arrive_response() {
        if (sent_.empty()) return;
        auto it = sent_.begin();
        std::advance(it, rng_.below(sent_.size()));
        constexpr std::array statuses = {100, 180, 183, 183, 200, 200, 200,
                                         200, 401, 422, 481, 486, 491, 500};
        const int status = statuses[rng_.below(statuses.size())];
        constexpr std::array tags = {"peer", "peer", "peer", "fork", ""};
        Message m = make_response(it->second, status, {}, tags[rng_.below(tags.size())]);
        m.append(HeaderId::Contact, "<sip:peer@192.0.2.1>");
        if (status < 200 && rng_.below(2)) {
            m.append(HeaderId::Require, "100rel");
            m.append(HeaderId::RSeq, std::to_string(1 + rng_.below(4)));
        }
        if (status == 401) m.append(HeaderId::WwwAuthenticate, R"(Digest realm="e", nonce="n")");
        if (status == 422) m.append(HeaderId::MinSe, std::to_string(100 + rng_.below(400)));
        if (rng_.below(2)) m.append(HeaderId::Allow, "INVITE, UPDATE, BYE");
        add_sdp(m);
        const ClientKey key{it->first.first};
        const auto arrival = layer_.on_response(now_, key, m, wire_);
        if (arrival.kind == ResponseArrival::Kind::Response) {
            leg_.on_response(ctx(), arrival, std::move(m));
        }
        settle();
    }

    void add_sdp(Message& m) {
        const uint64_t kind = rng_.below(8);
        if (kind < 4) m.set_body("application/sdp", sdp::serialize(some_sdp(rng_)));
        if (kind == 4) m.set_body("application/sdp", "v=broken");
        if (kind == 5) m.set_body("text/plain", "hello");
    }

    void command() {
        const ServerKey server =
            servers_.empty() ? ServerKey{} : servers_[rng_.below(servers_.size())];
        switch (rng_.below(11)) {
            case 0:
                leg_.ring(ctx(), 180, payload());
                break;
            case 1:
                leg_.answer(ctx(), payload());
                break;
            case 2:
                leg_.reoffer(ctx(), payload());
                break;
            case 3:
            case 4:
                leg_.accept(ctx(), server, payload());
                break;
            case 5:
                leg_.refuse(ctx(), server, 488, {});
                break;
            case 6:
                leg_.respond(ctx(), server, 200, {});
                break;
            case 7:
                leg_.send(ctx(), "INFO", {});
                break;
            case 8:
                leg_.ack(ctx(), payload());
                break;
            case 9:
                leg_.prack(ctx(), payload());
                break;
            case 10:
                if (rng_.below(8) == 0) leg_.hangup(ctx(), 480, {});
                break;
        }
    }

    void advance_to_next() {
        const auto a = layer_.next_deadline();
        const auto b = leg_.next_deadline();
        if (!a && !b) return;
        now_ = std::max(now_, a && b ? std::min(*a, *b) : (a ? *a : *b));
        layer_.on_timeout(now_, wire_);
        settle();
        leg_.on_timeout(ctx());
        settle();
    }

    void settle() {
        while (!wire_.empty() || !events_.empty()) {
            const auto wire = std::exchange(wire_, {});
            for (const auto& out : wire.messages) note(out);
            for (const auto& event : std::exchange(events_, {})) note(event);
            for (const auto& event : wire.events) {
                if (event.user == kLeg) leg_.on_layer_event(ctx(), event);
            }
        }
    }

    void note(const Outbound& out) {
        // Whatever we send can be read.
        EXPECT_TRUE(parse_message(out.message.to_text()).has_value());
        if (const auto rseq = out.message.header(HeaderId::RSeq)) {
            rack_ = std::string(*rseq) + " " +
                    std::string(out.message.header(HeaderId::CSeq).value_or(""));
        }
        if (out.message.is_response() || out.message.method() == Method::Ack) return;
        sent_.insert_or_assign({out.branch.value, std::string(out.message.method_token())},
                               out.message);
    }

    void note(const LegEvent& event) {
        EXPECT_FALSE(gone_) << "told after gone: " << to_string(event.kind);
        if (event.server) servers_.push_back(event.server);
        ends_ += is_end(event.kind) ? 1 : 0;
        failed_ = failed_ || event.kind == LegEvent::Kind::Failed;
        gone_ = gone_ || event.kind == LegEvent::Kind::Gone;
        established_ = established_ || event.kind == LegEvent::Kind::Answered ||
                       event.kind == LegEvent::Kind::Confirmed;
        if (event.kind == LegEvent::Kind::Gone && ends_ == 0 && !failed_) ends_ = 1;  // refused
    }

    Hop settings_hop() const { return leg_.envelope().hop; }

    SeededRng rng_;
    Instant now_{1s};
    LayerSettings layer_settings_{.hash_key = {1, 2}};
    TransactionLayer layer_;
    LayerOutbox wire_;
    std::vector<LegEvent> events_;
    std::optional<LegContext> context_;
    Leg leg_;
    std::map<std::pair<uint64_t, std::string>, Message> sent_;
    std::vector<ServerKey> servers_;
    std::string branch_;
    std::string invite_branch_;
    std::string rack_ = "1 1 INVITE";
    uint32_t branches_ = 0;
    uint32_t cseq_ = 0;
    uint32_t invite_cseq_ = 0;
    int ends_ = 0;
    bool failed_ = false;
    bool gone_ = false;
    bool established_ = false;
};

TEST(LegChaos, EveryLegTellsOneEndAndIsGone) {
    size_t established = 0;
    for (uint64_t seed = 1; seed <= 1000; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chaos chaos(seed);
        chaos.run();
        established += chaos.was_established() ? 1 : 0;
        if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(established, 0u);  // it did reach what it is about
}

}  // namespace
}  // namespace tandem::sip
