#include "call/code_keys.h"

#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"
#include "model/generated/feature_code.h"
#include "routing/services.h"
#include "store/catalog.h"

namespace tandem::call {
namespace {

// Those that the account may use.
std::vector<KeyCode> codes_for(const CallContext& ctx, DomainId domain, AccountId account) {
    std::vector<KeyCode> codes;
    if (account.is_nil()) return codes;
    ctx.around.catalog.visit<model::FeatureCode>(domain, [&](const model::FeatureCode& code) {
        const auto& allowed = code.allowed;
        const bool may = allowed.empty() || std::ranges::find(allowed, account) != allowed.end();
        if (routing::is_pressed(code.action) && may)
            codes.push_back(
                {code.prefix, code.pause, code.action == model::FeatureAction::TransferAttended});
        return true;
    });
    return codes;
}

// "Signal=5" in one of the lines of application/dtmf-relay, or the key alone in application/dtmf.
// Both are of no RFC; what they have in common is what phones and gateways send.
std::optional<char> key_in(const sip::Message& info) {
    const auto type = info.content_type();
    if (!type || !*type) return std::nullopt;
    std::string_view text = info.body();
    if ((*type)->is("application", "dtmf-relay")) {
        const size_t name = text.find("Signal=");
        if (name == text.npos) return std::nullopt;
        text.remove_prefix(name + std::string_view("Signal=").size());
    } else if (!(*type)->is("application", "dtmf")) {
        return std::nullopt;
    }
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    text = text.substr(0, text.find_first_of(" \t\r\n"));
    if (text == "10") return '*';
    if (text == "11") return '#';
    if (text.size() != 1) return std::nullopt;
    const char key = text[0] >= 'a' && text[0] <= 'd' ? char(text[0] - 'a' + 'A') : text[0];
    return is_key(key) ? std::optional(key) : std::nullopt;
}

}  // namespace

CodeKeys::Keypad* CodeKeys::keypad_of(uint8_t leg) {
    const auto found = std::ranges::find(keypads_, leg, &Keypad::leg);
    return found == keypads_.end() || found->codes.empty() ? nullptr : &*found;
}

// Whoever stays when the other one is replaced goes on with what he has pressed.
void CodeKeys::take_stock(Call& call, CallContext& ctx) {
    std::vector<Keypad> now;
    for (const uint8_t leg : {call.near_, call.winner_}) {
        const auto known = std::ranges::find(keypads_, leg, &Keypad::leg);
        if (known != keypads_.end()) {
            now.push_back(std::move(*known));
            continue;
        }
        Keypad fresh{leg, {}, {}, Source::None, {}};
        if (!call.transfer_.has_let_go(leg))
            fresh.codes = codes_for(ctx, call.domain_of_leg(leg), call.who_is(leg).account);
        PartyMedia& media = call.party(leg)->media;
        if (!fresh.codes.empty()) {
            media.report_keys();
            gate_is_due_ = true;
        }
        now.push_back(std::move(fresh));
    }
    keypads_ = std::move(now);
}

// Who has asked somebody before he transfers, or is about to, calls it off by the code alone.
std::vector<KeyCode> CodeKeys::codes_now(const CallValues& call, const Keypad& keypad) {
    std::vector<KeyCode> codes = keypad.codes;
    const bool asks = call.transfer_.asks(keypad.leg);
    for (KeyCode& each : codes) each.is_alone = asks && each.asks_first;
    return codes;
}

void CodeKeys::settle(Call& call, CallContext& ctx) {
    if (call.phase_ != Phase::Established || call.winner_ == 0 || call.paging_.is_page()) return;
    const bool is_known =
        keypads_.size() == 2 && keypads_[0].leg == call.near_ && keypads_[1].leg == call.winner_;
    if (!is_known) take_stock(call, ctx);
    if (call.transfer_.is_consulting()) asked_.reset();
    if (asked_ && !call.transfer_.is_under_way()) {
        if (call.talks(*asked_)) tell_failure(call, *asked_);
        asked_.reset();
    }
    if (!gate_is_due_ || call.move_ || call.exchange_ || !call.may_tell_gate()) return;
    gate_is_due_ = false;
    std::vector<uint8_t> heard;
    for (const Keypad& each : keypads_)
        if (!each.codes.empty()) heard.push_back(each.leg);
    if (!heard.empty()) call.update_media(ctx, heard, false);
}

void CodeKeys::on_event(Call& call, CallContext& ctx, const ports::MediaEvent& event) {
    const auto key = static_cast<char>(event.key);
    if (event.termination == 0 || event.termination > call.branches_.size() + 1) return;
    Keypad* keypad = keypad_of(static_cast<uint8_t>(event.termination - 1));
    if (keypad == nullptr || !is_key(key) || keypad->source == Source::Info) return;
    keypad->source = Source::Media;
    const auto codes = codes_now(call, *keypad);
    use(call, ctx, *keypad, keypad->collector.on_key(ctx.now.mono, key, codes));
}

void CodeKeys::on_played(const CallValues& call, uint32_t termination) {
    if (failed_ && call.party(*failed_)->media.termination() == termination) failed_.reset();
}

bool CodeKeys::on_info(Call& call, CallContext& ctx, uint8_t leg, sip::LegEvent& event) {
    Keypad* keypad = keypad_of(leg);
    const auto key = keypad == nullptr ? std::nullopt : key_in(event.message);
    if (!key || keypad->source == Source::Media || call.phase_ != Phase::Established) return false;
    keypad->source = Source::Info;
    const auto outcome = keypad->collector.on_key(ctx.now.mono, *key, codes_now(call, *keypad));
    // This one is passed on as any INFO is, behind those that were held for it.
    const bool passes = !outcome.is_over && keypad->collector.held() == 0;
    if (passes) {
        pass_on(call, ctx, *keypad, keypad->held.size());
        return false;
    }
    sip::Payload payload;
    payload.content_type = event.message.header(sip::HeaderId::ContentType).value_or("");
    payload.body = event.message.body();
    keypad->held.push_back(std::move(payload));
    call.party(leg)->leg.respond(ctx.leg, event.server, 200, {});
    use(call, ctx, *keypad, outcome);
    return true;
}

void CodeKeys::pass_on(Call& call, CallContext& ctx, Keypad& keypad, size_t count) {
    const size_t some = std::min(count, keypad.held.size());
    sip::Leg& peer = call.party(call.peer_of(keypad.leg))->leg;
    for (size_t i = 0; i < some; ++i) peer.send(ctx.leg, "INFO", keypad.held[i]);
    keypad.held.erase(keypad.held.begin(), keypad.held.begin() + static_cast<std::ptrdiff_t>(some));
}

void CodeKeys::use(Call& call, CallContext& ctx, Keypad& keypad,
                   const KeyCollector::Outcome& outcome) {
    pass_on(call, ctx, keypad, outcome.passes);
    if (!outcome.is_over) return;
    keypad.held.clear();
    if (!outcome.number) return;
    const auto code = std::ranges::find(keypad.codes, outcome.code, &KeyCode::keys);
    const bool asks_first = code != keypad.codes.end() && code->asks_first;
    if (outcome.number->empty()) {  // it calls off
        if (asked_ == keypad.leg) asked_.reset();
        if (call.transfer_.call_off(call, ctx, keypad.leg) != 0) tell_failure(call, keypad.leg);
        return;
    }
    const int refusal = asks_first ? call.transfer_.consult(call, ctx, keypad.leg, *outcome.number)
                                   : call.transfer_.begin(call, ctx, keypad.leg, *outcome.number);
    if (refusal == 0)
        asked_ = keypad.leg;
    else
        tell_failure(call, keypad.leg);
}

// At once, or never.
void CodeKeys::tell_failure(const CallValues& call, uint8_t leg) {
    failed_ = leg;
    if (!call.wanted_tone(leg)) failed_.reset();
}

void CodeKeys::on_timeout(Call& call, CallContext& ctx) {
    if (call.phase_ != Phase::Established) return keypads_.clear();
    for (Keypad& each : keypads_) {
        const auto due = each.collector.next_deadline();
        if (due && *due <= ctx.now.mono)
            use(call, ctx, each, each.collector.on_timeout(ctx.now.mono));
    }
}

std::optional<Instant> CodeKeys::next_deadline() const {
    std::optional<Instant> earliest;
    for (const Keypad& each : keypads_) {
        const auto due = each.collector.next_deadline();
        if (due && (!earliest || *due < *earliest)) earliest = due;
    }
    return earliest;
}

}  // namespace tandem::call
