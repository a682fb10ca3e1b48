#include "sim/transactions_subject.h"

#include <charconv>
#include <unordered_map>

#include "sim/ladder_text.h"
#include "sip/transaction/layer_snapshot.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::sim {
namespace {

using sip::LayerEvent;
using sip::RequestArrival;
using sip::ResponseArrival;

std::string_view name_of(LayerEvent::Kind kind) {
    switch (kind) {
        case LayerEvent::Kind::Timeout:
            return "timeout";
        case LayerEvent::Kind::TransportError:
            return "transport-error";
        case LayerEvent::Kind::ClientTerminated:
        case LayerEvent::Kind::ServerTerminated:
            return "terminated";
        case LayerEvent::Kind::AckTimeout:
            return "ack-timeout";
    }
    return "";
}

std::string_view name_of(RequestArrival::Kind kind) {
    switch (kind) {
        case RequestArrival::Kind::Absorbed:
            return "absorbed";
        case RequestArrival::Kind::Request:
            return "request";
        case RequestArrival::Kind::Ack:
            return "ack";
        case RequestArrival::Kind::Cancelled:
            return "cancelled";
    }
    return "";
}

std::string_view name_of(ResponseArrival::Kind kind) {
    switch (kind) {
        case ResponseArrival::Kind::Absorbed:
            return "absorbed";
        case ResponseArrival::Kind::Response:
            return "response";
        case ResponseArrival::Kind::Stray:
            return "stray";
    }
    return "";
}

class TransactionsSubject final : public LadderSubject {
 public:
    explicit TransactionsSubject(const LadderStep& first)
        : hop_(sip::Hop::of(0, first.option("transport") == "tcp" ? sip::Reliability::Reliable
                                                                  : sip::Reliability::Unreliable)),
          layer_(settings_) {}

    Result<void> run(const LadderStep& step, Instant now, std::vector<std::string>& out) override {
        TRY(perform(step, now, out));
        drain(out);
        return {};
    }

    void on_timeout(Instant now, std::vector<std::string>& out) override {
        layer_.on_timeout(now, wire_);
        drain(out);
    }
    std::optional<Instant> next_deadline() const override { return layer_.next_deadline(); }
    void restore() override {
        layer_ = sip::TransactionLayer::restore(settings_, layer_.snapshot());
    }

 private:
    Result<void> perform(const LadderStep& step, Instant now, std::vector<std::string>& out) {
        const std::string_view verb = step.word(0);
        if (verb == ">") {
            const bool response = step.word(2).starts_with("c");
            return response ? response_arrives(step, now, out) : request_arrives(step, now, out);
        }
        if (verb == "send") return send(step, now);
        if (verb == "respond") return respond(step, now);
        if (verb == "cancel") {
            layer_.cancel(now, names_.client(step.word(1)), step.word(2), wire_);
            return {};
        }
        if (verb == "lost") {
            const int status = step.word(2) == "430" ? 430 : 503;
            layer_.on_undeliverable(now, names_.client(step.word(1)), status, wire_);
            return {};
        }
        return make_error(ErrorCode::NotFound, "step", "no such step: " + step.text);
    }

    Result<void> request_arrives(const LadderStep& step, Instant now,
                                 std::vector<std::string>& out) {
        const auto message = TRY(ladder_request(step, peer_));
        const auto arrival = layer_.on_request(now, message, hop_, wire_);
        std::string line = "arrival ";
        line += name_of(arrival.kind);
        if (arrival.server) line += " " + names_.of(arrival.server);
        out.push_back(std::move(line));
        if (arrival.kind == RequestArrival::Kind::Request) {
            requests_.insert_or_assign(names_.of(arrival.server), message);
        }
        return {};
    }

    Result<void> response_arrives(const LadderStep& step, Instant now,
                                  std::vector<std::string>& out) {
        const auto* request = names_.request(step.word(2), step.word(3));
        if (request == nullptr) {
            return make_error(ErrorCode::NotFound, "response", "to what? " + step.text);
        }
        const auto message = TRY(ladder_response(step, *request));
        const auto arrival = layer_.on_response(now, names_.client(step.word(2)), message, wire_);
        out.push_back(std::string("arrival ").append(name_of(arrival.kind)));
        return {};
    }

    Result<void> send(const LadderStep& step, Instant now) {
        LadderPeer us{.peer_tag = "us", .cseq = cseq_++};
        auto message =
            TRY(ladder_request({"", {">", std::string(step.word(1))}, step.details}, us));
        message.remove(sip::HeaderId::Via);  // the gate's
        layer_.send_request(now, std::move(message), {hop_, {}, {}}, 1, wire_);
        return {};
    }

    Result<void> respond(const LadderStep& step, Instant now) {
        const auto request = requests_.find(std::string(step.word(1)));
        if (request == requests_.end()) {
            return make_error(ErrorCode::NotFound, "respond", "to what? " + step.text);
        }
        LadderStep answer = step;
        answer.words = {">", std::string(step.word(2))};
        if (const auto tag = step.option("tag")) answer.words.push_back("tag=" + std::string(*tag));
        auto message = TRY(ladder_response(answer, request->second));
        layer_.respond(now, names_.server(step.word(1)), std::move(message), {}, wire_);
        return {};
    }

    void drain(std::vector<std::string>& out) {
        for (const auto& message : wire_.messages) out.push_back(names_.outbound(message));
        for (const auto& event : wire_.events) {
            std::string line = "event ";
            line += name_of(event.kind);
            line += " " + (event.client ? names_.of(event.client) : names_.of(event.server));
            out.push_back(std::move(line));
        }
        wire_.clear();
    }

    sip::LayerSettings settings_{.hash_key = {1, 2}};
    sip::Hop hop_;
    sip::TransactionLayer layer_;
    sip::LayerOutbox wire_;
    LadderPeer peer_;
    LadderNames names_;
    uint32_t cseq_ = 0;
    std::unordered_map<std::string, sip::Message> requests_;
};

}  // namespace

std::unique_ptr<LadderSubject> make_transactions_subject(const LadderStep& first) {
    return std::make_unique<TransactionsSubject>(first);
}

}  // namespace tandem::sim
