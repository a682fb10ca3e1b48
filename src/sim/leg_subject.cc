#include "sim/leg_subject.h"

#include <charconv>

#include "base/bytes.h"
#include "sim/ladder_text.h"
#include "sip/dialog/leg.h"
#include "sip/transaction/layer_snapshot.h"

namespace tandem::sim {
namespace {

constexpr sip::UserKey kLegKey = 1;

uint32_t number_in(std::optional<std::string_view> text, uint32_t otherwise) {
    uint32_t number = otherwise;
    if (text) std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

sip::Provisionals provisionals_from(std::string_view name) {
    if (name == "never") return sip::Provisionals::Unreliable;
    if (name == "can") return sip::Provisionals::ReliableIfCan;
    if (name == "required") return sip::Provisionals::ReliableRequired;
    return sip::Provisionals::ReliableIfAsked;
}

sip::LegSettings settings_from(const LadderStep& first) {
    sip::LegSettings settings;
    const auto reliability = first.option("transport") == "tcp" ? sip::Reliability::Reliable
                                                                : sip::Reliability::Unreliable;
    settings.envelope.hop = sip::Hop::of(0, reliability);
    settings.envelope.contact.token = "token";
    settings.local_tag = "us";
    settings.origin.session_id = "1";
    settings.origin.version = 1;
    settings.origin.address.address = "198.51.100.1";
    settings.provisionals = provisionals_from(first.option("reliable").value_or(""));
    settings.session_timer.enabled = first.option("timer") != "off";
    settings.session_timer.session_expires_s = number_in(first.option("expires"), 1800);
    settings.session_timer.min_se_s = number_in(first.option("min-se"), 90);
    for (const std::string& word : first.words) {
        if (word == "prefer-update") settings.prefer_update = true;
    }
    if (const auto credentials = first.option("credentials")) {
        const size_t colon = credentials->find(':');
        settings.credentials = {std::string(credentials->substr(0, colon)),
                                std::string(credentials->substr(colon + 1))};
    }
    return settings;
}

sip::Payload payload_of(const LadderStep& step) {
    sip::Payload payload;
    if (const auto sdp = step.option("sdp")) payload.sdp = ladder_sdp(*sdp);
    for (const std::string& detail : step.details) {
        const size_t colon = std::min(detail.find(':'), detail.size() - 1);
        payload.headers.push_back({detail.substr(0, colon),
                                   std::string(trim(std::string_view(detail).substr(colon + 1)))});
    }
    return payload;
}

class LegSubject final : public LadderSubject {
 public:
    explicit LegSubject(const LadderStep& first)
        : settings_(settings_from(first)), layer_(layer_settings_), leg_(kLegKey, settings_) {}

    Result<void> run(const LadderStep& step, Instant now, std::vector<std::string>& out) override {
        sip::LegContext ctx = context(now);
        if (step.word(0) == ">") {
            TRY(arrives(ctx, step, out));
        } else {
            const auto done = TRY(command(ctx, step));
            if (!done) out.push_back("no");
        }
        drain(ctx, out);
        return {};
    }

    void on_timeout(Instant now, std::vector<std::string>& out) override {
        sip::LegContext ctx = context(now);
        layer_.on_timeout(now, wire_);
        drain(ctx, out);
        leg_.on_timeout(ctx);
        drain(ctx, out);
    }

    std::optional<Instant> next_deadline() const override {
        const auto layer = layer_.next_deadline();
        const auto leg = leg_.next_deadline();
        if (!layer || !leg) return layer ? layer : leg;
        return std::min(*layer, *leg);
    }

    void restore() override {
        layer_ = sip::TransactionLayer::restore(layer_settings_, layer_.snapshot());
        leg_ = sip::Leg::restore(leg_.snapshot());
    }

 private:
    sip::LegContext context(Instant now) { return {now, layer_, wire_, rng_, events_}; }

    Result<void> arrives(sip::LegContext& ctx, const LadderStep& step,
                         std::vector<std::string>& out) {
        if (step.word(2).starts_with("c")) return response_arrives(ctx, step, out);
        return request_arrives(ctx, step);
    }

    Result<void> request_arrives(sip::LegContext& ctx, const LadderStep& step) {
        peer_.our_tag = leg_.state() == sip::LegState::Idle ? "" : settings_.local_tag;
        if (!leg_.call_id().empty()) peer_.call_id = leg_.call_id();
        const std::string_view method = step.word(1);
        if (method == "CANCEL") peer_.our_tag.clear();
        auto message = TRY(ladder_request(step, peer_));
        const auto arrival = layer_.on_request(ctx.now, message, settings_.envelope.hop, wire_);
        if (arrival.kind == sip::RequestArrival::Kind::Request) names_.of(arrival.server);
        const bool begins = arrival.kind == sip::RequestArrival::Kind::Request &&
                            message.method() == sip::Method::Invite &&
                            leg_.state() == sip::LegState::Idle;
        if (begins) {
            leg_.on_invite(ctx, arrival.server, std::move(message));
        } else {
            leg_.on_request(ctx, arrival, std::move(message));
        }
        return {};
    }

    Result<void> response_arrives(sip::LegContext& ctx, const LadderStep& step,
                                  std::vector<std::string>& out) {
        const auto* request = names_.request(step.word(2), step.word(3));
        if (request == nullptr) {
            return make_error(ErrorCode::NotFound, "response", "to what? " + step.text);
        }
        auto message = TRY(ladder_response(step, *request));
        const auto key = names_.client(step.word(2));
        const auto arrival = layer_.on_response(ctx.now, key, message, wire_);
        if (arrival.kind == sip::ResponseArrival::Kind::Stray) {
            out.push_back("stray");
            return {};
        }
        leg_.on_response(ctx, arrival, std::move(message));
        return {};
    }

    Result<bool> command(sip::LegContext& ctx, const LadderStep& step) {
        const std::string_view verb = step.word(0);
        sip::Payload payload = payload_of(step);
        if (verb == "invite") {
            leg_.invite(ctx, {"sip:peer@example.org",
                              "\"Us\" <sip:us@tandem.test>",
                              "<sip:peer@example.org>",
                              "call",
                              {},
                              std::move(payload)});
            return true;
        }
        if (verb == "again") return leg_.invite_again(ctx, {}, payload.headers);
        if (verb == "prack") return leg_.prack(ctx, std::move(payload)), true;
        if (verb == "ack") return leg_.ack(ctx, std::move(payload)), true;
        if (verb == "answer") return leg_.answer(ctx, std::move(payload));
        if (verb == "reoffer") return leg_.reoffer(ctx, std::move(payload));
        if (verb == "hangup") return leg_.hangup(ctx, 0, std::move(payload)), true;
        if (verb == "take-over") return take_over(ctx), true;
        if (verb == "audit") return leg_.audit(ctx), true;
        const auto number = static_cast<int>(number_in(step.word(1), 0));
        if (verb == "ring") return leg_.ring(ctx, number, std::move(payload));
        if (verb == "reject") return leg_.reject(ctx, number, payload);
        if (verb == "send") return bool(leg_.send(ctx, step.word(1), payload));
        return command_about(ctx, step, std::move(payload));
    }

    // Commands that name a transaction.
    Result<bool> command_about(sip::LegContext& ctx, const LadderStep& step, sip::Payload payload) {
        const std::string_view verb = step.word(0);
        const auto server = names_.server(step.word(1));
        const auto status = static_cast<int>(number_in(step.word(2), 0));
        if (verb == "accept") return leg_.accept(ctx, server, std::move(payload));
        if (verb == "refuse") return leg_.refuse(ctx, server, status, payload);
        if (verb == "respond") return leg_.respond(ctx, server, status, payload);
        if (verb == "lost") {
            layer_.on_undeliverable(ctx.now, names_.client(step.word(1)), status, wire_);
            return true;
        }
        return make_error(ErrorCode::NotFound, "step", "no such step: " + step.text);
    }

    void take_over(sip::LegContext& ctx) {
        layer_settings_.first_key = 1000;  // another instance counts from elsewhere
        layer_ = sip::TransactionLayer(layer_settings_);
        leg_ = sip::Leg::restore(leg_.snapshot());
        leg_.take_over(ctx);
    }

    void drain(sip::LegContext& ctx, std::vector<std::string>& out) {
        while (!wire_.empty() || !events_.empty()) {
            const auto wire = std::exchange(wire_, {});
            for (const auto& message : wire.messages) out.push_back(names_.outbound(message));
            for (const auto& event : std::exchange(events_, {})) out.push_back(line_of(event));
            for (const auto& event : wire.events) {
                if (event.user == kLegKey) leg_.on_layer_event(ctx, event);
            }
        }
    }

    std::string line_of(const sip::LegEvent& event) {
        std::string line = "tell ";
        line += to_string(event.kind);
        if (event.status != 0) line += " " + std::to_string(event.status);
        if (event.reliable) line += " reliable";
        if (event.cause != sip::LegEvent::Cause::None) {
            line.append(" ").append(to_string(event.cause));
        }
        if (event.server) line += " " + names_.of(event.server);
        if (event.client) line += " " + names_.of(event.client);
        if (event.kind == sip::LegEvent::Kind::RemoteOffer) {
            line.append(" in ").append(sip::to_string(event.offer_in));
        }
        if (event.sdp_part == sip::SdpPart::Offer) line += " offer";
        if (event.sdp_part == sip::SdpPart::Answer) line += " answer";
        if (event.sdp) line += " " + sdp_line(*event.sdp);
        return line;
    }

    sip::LegSettings settings_;
    sip::LayerSettings layer_settings_{.hash_key = {1, 2}};
    sip::TransactionLayer layer_;
    sip::LayerOutbox wire_;
    SeededRng rng_{1};
    std::vector<sip::LegEvent> events_;
    sip::Leg leg_;
    LadderPeer peer_;
    LadderNames names_;
};

}  // namespace

std::unique_ptr<LadderSubject> make_leg_subject(const LadderStep& first) {
    return std::make_unique<LegSubject>(first);
}

}  // namespace tandem::sim
