// A phone's calls: what its user does, and the answers of a user agent (RFC 3261 13-15).
#include <algorithm>

#include "sim/phone.h"
#include "sip/digest.h"
#include "sip/parser.h"

namespace tandem::sim {
namespace {

constexpr Duration kReliableMost = 32s;  // RFC 3262 3: 64 * T1

}  // namespace

PhoneCall* Phone::get(uint64_t number) {
    return number == 0 || number > calls_.size() ? nullptr : calls_[number - 1].get();
}

PhoneCall* Phone::find(std::string_view call_id) {
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
        if ((*call)->call_id == call_id) return call->get();
    }
    return nullptr;
}

bool Phone::is_idle() const {
    return std::ranges::all_of(calls_, [](const auto& call) { return call->is_over(); });
}

bool Phone::is_at_rest() const {
    return is_idle() && open_transactions().empty();
}

PhoneCall& Phone::add_call(bool is_caller) {
    auto call = std::make_unique<PhoneCall>();
    call->phone = traits_.index;
    call->number = ++call_numbers_;
    call->is_caller = is_caller;
    call->state = is_caller ? PhoneCallState::Inviting : PhoneCallState::Ringing;
    call->began = world_.time();
    call->rtp_port = network_.open_media(traits_.index);
    calls_.push_back(std::move(call));
    return *calls_.back();
}

// A moment of the user's, now and then on the grid that all users share.
Duration Phone::when(Duration least, Duration most) {
    const Duration delay = world_.between(least, most);
    if (!world_.happens(temper.on_grid)) return delay;
    const Duration until = world_.time().since_epoch + delay;
    return (until / temper.grid + 1) * temper.grid - world_.time().since_epoch;
}

void Phone::finish(PhoneCall& call, PhoneCallEnd end) {
    if (call.is_over()) return;
    call.state = PhoneCallState::Over;
    call.end = end;
    call.ended = world_.time();
    call.rseq = 0;
    network_.close_media(traits_.index, call.rtp_port);
}

void Phone::retire() {
    retired_ = true;
    for (const auto& call : calls_) {
        if (!call->is_over()) hang_up(call->number);
    }
}

// ---- calling

void Phone::call(const std::string& number) {
    PhoneCall& call = add_call(true);
    call.dialled = number;
    call.call_id = "c" + std::to_string(call.number) + traits_.mark() + "@" + traits_.own.ip.text();
    call.local_address = "<sip:" + traits_.login + "@" + traits_.domain +
                         ">;tag=" + traits_.mark() + "f" + std::to_string(call.number);
    call.remote_address = "<sip:" + number + "@" + traits_.domain + ">";
    call.remote_target = "sip:" + number + "@" + traits_.domain;
    call.offerless = world_.happens(temper.offerless);
    world_.count("calls made");
    if (!call_challenge_.empty() && world_.happens(0.5)) {
        if (const auto challenge = sip::AuthValue::parse(call_challenge_)) {
            if (const auto known = sip::DigestChallenge::parse(*challenge)) {
                call.authorization = sip::answer_challenge(
                    *known, {traits_.login, traits_.password},
                    {"INVITE", call.remote_target, "c" + traits_.mark(), ++call_nonce_count_});
            }
        }
    }
    invite(call);
    const bool cancels = world_.happens(temper.cancels);
    const Duration patience = cancels ? when(10ms, 6s) : temper.patience;
    world_.after(patience, [this, number = call.number] { cancel(number); });
}

void Phone::invite(PhoneCall& call) {
    call.invite_branch = new_branch();
    std::string more = contact_line() + std::string(kPhoneAllow);
    if (traits_.reliable_provisionals && !call.offerless) more += "Supported: 100rel\r\n";
    if (!call.authorization.empty()) {
        more += "Proxy-Authorization: " + call.authorization + "\r\n";
    }
    more += "User-Agent: Phone-" + traits_.mark() + "\r\n";
    std::string wire = in_dialog(call, "INVITE", {++call.local_cseq, call.invite_branch}, more,
                                 call.offerless ? std::string() : offer(call));
    request(call.invite_branch, "INVITE", std::move(wire),
            [this, number = call.number](const sip::Message* response) {
                on_invite_response(number, response);
            });
}

std::string Phone::in_dialog(PhoneCall& call, std::string_view method, Attempt attempt,
                             std::string_view more, std::string_view body) const {
    std::string wire(method);
    wire += " " + call.remote_target + " SIP/2.0\r\n" + via(attempt.branch);
    wire += "From: " + call.local_address + "\r\nTo: " + call.remote_address + "\r\n";
    wire += "Call-ID: " + call.call_id + "\r\nCSeq: " + std::to_string(attempt.cseq) + " ";
    wire += method;
    wire += "\r\nMax-Forwards: 70\r\n";
    wire += more;
    if (!body.empty()) wire += "Content-Type: application/sdp\r\n";
    wire += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return wire.append(body);
}

void Phone::on_invite_response(uint64_t number, const sip::Message* response) {
    PhoneCall& call = *get(number);
    if (response == nullptr) return finish(call, PhoneCallEnd::Lost);
    const int status = response->status();
    if (status < 200) {
        call.provisional = true;
        if (status > 100) call.admitted = true;
        if (status > 100 && call.rang == Instant{}) call.rang = world_.time();
        if (response->has_value(sip::HeaderId::Require, "100rel")) send_prack(call, *response);
        if (call.cancel_waits) send_cancel(call);
        return;
    }
    if (status < 300) return on_invite_success(call, *response);
    if (status == 407 && !call.cancelled && ++call.challenges <= 2) {
        return answer_challenge(call, *response);
    }
    if (status != 407 && status != 503 && status != 500) call.admitted = true;
    call.status = status;
    world_.count("calls that ended with " + std::to_string(status));
    finish(call, PhoneCallEnd::Failed);
    give_up_consultation(call);
}

void Phone::answer_challenge(PhoneCall& call, const sip::Message& response) {
    const auto challenge = sip::first_known_challenge(response, sip::HeaderId::ProxyAuthenticate);
    if (!challenge) return world_.fail("a 407 without a challenge");
    if (challenge->stale) world_.count("phones: a nonce had become stale");
    call_challenge_ = challenge->text();
    call_nonce_count_ = 1;
    call.authorization = sip::answer_challenge(
        *challenge, {traits_.login, traits_.password},
        {"INVITE", call.remote_target, "c" + traits_.mark(), call_nonce_count_});
    invite(call);
}

void Phone::begin_dialog(PhoneCall& call, const sip::Message& response) {
    call.remote_address = *response.header(sip::HeaderId::To);
    for (const auto contact : response.contacts()) {
        if (contact) call.remote_target = contact->uri;
    }
    if (response.has(sip::HeaderId::RecordRoute)) world_.fail("a Record-Route reached a phone");
}

void Phone::on_invite_success(PhoneCall& call, const sip::Message& response) {
    const auto cseq = response.cseq();
    const auto known = call.acks.find(cseq->number);
    if (known != call.acks.end()) {
        send(known->second);
        return;
    }
    begin_dialog(call, response);
    call.status = response.status();
    if (!response.body().empty()) {
        take_sdp(call, response.body());
    } else if (!call.remote_rtp) {
        world_.fail("a 200 to INVITE without a description");
    }
    acknowledge(call, response);
    if (call.is_over()) return;  // we had given up, and BYE follows at once
    call.answered = world_.time();
    call.state = PhoneCallState::Up;
    world_.count("calls answered");
    watcher_.on_answered(*this, call);
    on_up(call);
    if (call.consults_for != 0)
        world_.after(when(200ms, 3s), [this, number = call.number] { join(number); });
    if (!call.cancelled && !retired_) return;
    if (call.cancelled) world_.count("phones: CANCEL crossed the 200");
    hang_up(call.number);
}

void Phone::acknowledge(PhoneCall& call, const sip::Message& response) {
    const uint32_t cseq = response.cseq()->number;
    std::string body;
    if (std::exchange(call.offerless, false) && !response.body().empty()) {
        body = answer_sdp(call);
    }
    std::string more;
    if (!call.authorization.empty()) {
        more = "Proxy-Authorization: " + call.authorization + "\r\n";
    }
    std::string& ack = call.acks[cseq];
    ack = in_dialog(call, "ACK", {cseq, new_branch()}, more, body);
    send(ack);
}

void Phone::send_prack(PhoneCall& call, const sip::Message& response) {
    const auto rseq = response.rseq();
    const auto cseq = response.cseq();
    if (!rseq || !*rseq || !cseq) return world_.fail("a reliable provisional without RSeq");
    if (std::ranges::find(call.pracked, **rseq) != call.pracked.end()) return;
    call.pracked.push_back(**rseq);
    world_.count("phones: reliable provisionals heard");
    const std::string target = call.remote_address;
    begin_dialog(call, response);
    if (!response.body().empty()) take_sdp(call, response.body());
    const std::string branch = new_branch();
    const std::string rack =
        "RAck: " + std::to_string(**rseq) + " " + std::to_string(cseq->number) + " INVITE\r\n";
    std::string wire = in_dialog(call, "PRACK", {++call.local_cseq, branch}, rack, {});
    request(branch, "PRACK", std::move(wire), [](const sip::Message*) {});
    call.remote_address = target;  // the dialog stays early; a 2xx may be another's
}

void Phone::cancel(uint64_t number) {
    PhoneCall& call = *get(number);
    if (call.state != PhoneCallState::Inviting || call.cancelled) return;
    call.cancelled = true;
    if (call.provisional) return send_cancel(call);
    call.cancel_waits = true;
}

void Phone::send_cancel(PhoneCall& call) {
    call.cancel_waits = false;
    const auto client = clients_.find(call.invite_branch);
    if (client == clients_.end() || client->second.done) return;
    world_.count("phones: CANCEL sent");
    const sip::Message invite = *sip::parse_message(std::string_view(client->second.wire));
    const std::string branch = call.invite_branch;
    std::string wire = sip::make_cancel(invite).to_text();
    // The CANCEL has the INVITE's branch; among our own transactions it needs a name of its own.
    send(wire);
    for (const Duration again : {500ms, 1500ms, 3500ms, 7500ms}) {
        if (traits_.over_tcp) break;
        world_.after(again, [this, branch, wire] {
            const auto open = clients_.find(branch);
            if (open != clients_.end() && !open->second.done) send(wire);
        });
    }
    world_.after(temper.gives_up,
                 [this, branch] { give_up_invite(branch, "an INVITE that it cancelled"); });
}

// After a provisional response only the user's patience ends an INVITE.
void Phone::give_up_invite(const std::string& branch, std::string_view what) {
    const auto open = clients_.find(branch);
    if (open == clients_.end() || open->second.done) return;
    if (!watcher_.is_excused(traits_.index, open->second.began, world_.time())) {
        world_.fail("phone " + std::to_string(traits_.index) + " got no final answer to " +
                    std::string(what));
    }
    world_.count("phones: an INVITE without a final answer, excused");
    Handler handler = std::move(open->second.handler);
    clients_.erase(open);
    handler(nullptr);
}

// ---- talking

void Phone::on_up(PhoneCall& call) {
    call.state = PhoneCallState::Up;
    if (call.answered == Instant{}) call.answered = world_.time();
    run_media(call);
    plan_talk(call);
}

void Phone::plan_talk(PhoneCall& call) {
    if (!temper.hangs_up) return;
    const uint64_t number = call.number;
    world_.after(when(200ms, temper.talk_most), [this, number] { hang_up(number); });
    if (world_.happens(temper.holds)) {
        world_.after(when(100ms, temper.talk_most / 2),
                     [this, number] { reinvite(number, true, true); });
        world_.after(when(temper.talk_most / 4, temper.talk_most),
                     [this, number] { reinvite(number, false, true); });
    }
    if (world_.happens(temper.offerless)) {
        world_.after(when(100ms, temper.talk_most),
                     [this, number] { reinvite(number, false, false); });
    }
    if (world_.happens(temper.transfers)) plan_transfer(call);
}

void Phone::hang_up(uint64_t number) {
    PhoneCall* call = get(number);
    if (call == nullptr) return;
    switch (call->state) {
        case PhoneCallState::Inviting:
            return cancel(number);
        case PhoneCallState::Ringing:
            return reject(number, 480);
        case PhoneCallState::Answered: {
            // RFC 3261 15: not before the ACK, or its time is over.
            const bool waits =
                servers_.contains(call->invite_key) && servers_[call->invite_key].repeats;
            if (!waits) return send_bye(*call);
            world_.after(200ms, [this, number] { hang_up(number); });
            return;
        }
        case PhoneCallState::Up:
            return send_bye(*call);
        case PhoneCallState::Ending:
        case PhoneCallState::Over:
            return;
    }
}

void Phone::send_bye(PhoneCall& call) {
    call.state = PhoneCallState::Ending;
    const std::string branch = new_branch();
    std::string wire = in_dialog(call, "BYE", {++call.local_cseq, branch}, {}, {});
    request(branch, "BYE", std::move(wire),
            [this, number = call.number](const sip::Message* response) {
                PhoneCall& ended = *get(number);
                if (response != nullptr && response->status() < 200) return;
                ended.bye_status = response == nullptr ? 0 : response->status();
                if (ended.is_over()) world_.count("phones: BYE crossed BYE");
                finish(ended, PhoneCallEnd::ByUs);
            });
}

void Phone::reinvite(uint64_t number, bool hold, bool with_offer) {
    PhoneCall* call = get(number);
    if (call == nullptr || !call->is_up() || retired_) return;
    // RFC 3261 14.1: not while another INVITE transaction is in progress, in either direction.
    if (call->reinviting || call->reinvite_cseq != 0 || call->offered_in_2xx) {
        world_.after(500ms,
                     [this, number, hold, with_offer] { reinvite(number, hold, with_offer); });
        return;
    }
    if (with_offer && hold == call->holding) return;
    call->reinviting = true;
    call->offerless = !with_offer;
    const bool held_before = call->holding;
    if (with_offer) {
        call->holding = hold;
        ++call->sdp_version;
    }
    world_.count(with_offer ? "phones: re-INVITE with an offer"
                            : "phones: re-INVITE without offer");
    const std::string branch = new_branch();
    std::string wire = in_dialog(*call, "INVITE", {++call->local_cseq, branch},
                                 contact_line() + std::string(kPhoneAllow),
                                 with_offer ? offer(*call) : std::string());
    request(branch, "INVITE", std::move(wire),
            [this, number, held_before](const sip::Message* response) {
                on_reinvite_response(number, response, held_before);
            });
    world_.after(temper.patience, [this, branch] { give_up_invite(branch, "a re-INVITE"); });
}

void Phone::on_reinvite_response(uint64_t number, const sip::Message* response, bool held_before) {
    PhoneCall& call = *get(number);
    if (response != nullptr && response->status() < 200) return;
    if (response != nullptr && response->status() < 300) {
        const auto known = call.acks.find(response->cseq()->number);
        if (known != call.acks.end()) {
            send(known->second);
            return;
        }
        call.reinviting = false;
        if (!response->body().empty()) take_sdp(call, response->body());
        acknowledge(call, *response);
        world_.count("phones: re-INVITE accepted");
        return;
    }
    const bool wanted_hold = call.holding;
    const bool had_offer = !std::exchange(call.offerless, false);
    call.reinviting = false;
    call.holding = held_before;
    const int status = response == nullptr ? 0 : response->status();
    world_.count("phones: re-INVITE answered " + std::to_string(status));
    if (status == 491) {
        const Duration pause =
            call.is_caller ? world_.between(2100ms, 4s) : world_.between(0ms, 2s);
        world_.after(pause, [this, number, wanted_hold, had_offer] {
            reinvite(number, wanted_hold, had_offer);
        });
    }
    // RFC 3261 12.2.1.2: the dialog is gone.
    if (status == 481) return finish(call, PhoneCallEnd::Lost);
    if (status == 408 || status == 0) hang_up(number);
}

// ---- being called

void Phone::on_incoming(const sip::Message& message, const std::string& key) {
    PhoneCall& call = add_call(false);
    call.call_id = message.call_id();
    call.invite = message;
    call.invite_key = key;
    servers_[key].call = call.number;
    call.remote_address = *message.header(sip::HeaderId::From);
    call.local_address = std::string(*message.header(sip::HeaderId::To)) +
                         ";tag=" + traits_.mark() + "t" + std::to_string(call.number);
    for (const auto contact : message.contacts()) {
        if (contact) call.remote_target = contact->uri;
    }
    if (const auto cseq = message.cseq()) call.remote_cseq = cseq->number;
    if (!message.body().empty()) take_sdp(call, message.body());
    if (!retired_ && replace(call, message)) return;
    const bool is_busy =
        std::ranges::count_if(calls_, [](const auto& each) { return !each->is_over(); }) > 1;
    if (is_busy || retired_) return reject(call.number, 486);
    plan_answer(call);
}

void Phone::plan_answer(PhoneCall& call) {
    const uint64_t number = call.number;
    if (temper.answers_after) {
        ring(number, 180, false);
        world_.after(*temper.answers_after, [this, number] { answer(number); });
        return;
    }
    const double mood = world_.chance();
    if (mood < 0.08) return answer(number);
    if (mood < 0.14) return reject(number, world_.happens(0.5) ? 486 : 480);
    if (mood < 0.17) return redirect(number);
    if (mood < 0.18) return;  // says nothing at all
    ring(number, mood < 0.35 ? 183 : 180, mood < 0.35);
    if (mood < 0.26) return;  // rings until somebody ends it
    const Duration delay = when(50ms, 6s);
    if (mood < 0.30) {
        world_.after(delay, [this, number] { reject(number, 603); });
    } else {
        world_.after(delay, [this, number] { answer(number); });
    }
}

void Phone::ring(uint64_t number, int status, bool early_media) {
    PhoneCall& call = *get(number);
    call.rang = world_.time();
    const bool reliable = early_media && traits_.reliable_provisionals &&
                          call.invite->has_value(sip::HeaderId::Supported, "100rel");
    std::string more = contact_line();
    std::string body;
    if (early_media && !call.invite->body().empty()) body = answer_sdp(call);
    if (reliable) {
        call.rseq = 1 + static_cast<uint32_t>(world_.rng().below(1000));
        call.answered_early = !body.empty();
        more += "Require: 100rel\r\nRSeq: " + std::to_string(call.rseq) + "\r\n";
        world_.count("phones: reliable provisionals sent");
    }
    respond(call.invite_key,
            answer_to(*call.invite, status, tag_of(call.local_address), more, body), number, false);
    if (reliable) repeat_reliable(number, call.rseq, 500ms);
}

// RFC 3262 3.
void Phone::repeat_reliable(uint64_t number, uint32_t rseq, Duration interval) {
    world_.after(interval, [this, number, rseq, interval] {
        PhoneCall& call = *get(number);
        if (call.rseq != rseq || call.state != PhoneCallState::Ringing) return;
        if (interval > kReliableMost) return reject(number, 504);
        send(servers_[call.invite_key].response);
        repeat_reliable(number, rseq, 2 * interval);
    });
}

void Phone::on_prack(const sip::Message& prack, const std::string& key) {
    PhoneCall* call = find(prack.call_id());
    const auto rack = prack.rack();
    const bool fits = call != nullptr && rack && *rack && (*rack)->rseq == call->rseq;
    if (fits) call->rseq = 0;
    respond(key, answer_to(prack, fits ? 200 : 481, {}, {}, {}), 0, false);
}

void Phone::answer(uint64_t number) {
    PhoneCall& call = *get(number);
    if (call.state != PhoneCallState::Ringing) return;
    if (call.rseq != 0) {  // RFC 3262 3: not before the PRACK, as our answer is in that response
        world_.after(100ms, [this, number] { answer(number); });
        return;
    }
    call.state = PhoneCallState::Answered;
    call.status = 200;
    call.answered = world_.time();
    std::string body;
    if (call.invite->body().empty()) {
        call.offered_in_2xx = true;
        body = offer(call);
    } else if (!call.answered_early) {
        body = answer_sdp(call);
    }
    const std::string more = contact_line() + std::string(kPhoneAllow);
    respond(call.invite_key, answer_to(*call.invite, 200, tag_of(call.local_address), more, body),
            number, true);
}

void Phone::reject(uint64_t number, int status) {
    PhoneCall& call = *get(number);
    if (call.state != PhoneCallState::Ringing) return;
    call.status = status;
    respond(call.invite_key, answer_to(*call.invite, status, tag_of(call.local_address), {}, {}),
            number, true);
    finish(call, PhoneCallEnd::Failed);
}

void Phone::redirect(uint64_t number) {
    PhoneCall& call = *get(number);
    const std::string& to = traits_.numbers[world_.rng().below(traits_.numbers.size())];
    call.status = 302;
    world_.count("phones: 302 sent");
    const std::string more = "Contact: <sip:" + to + "@" + traits_.domain + ">\r\n";
    respond(call.invite_key, answer_to(*call.invite, 302, tag_of(call.local_address), more, {}),
            number, true);
    finish(call, PhoneCallEnd::Failed);
}

}  // namespace tandem::sim
