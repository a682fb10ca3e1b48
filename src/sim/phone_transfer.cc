// Transfers as a phone's user makes them: REFER within a call, and what is told of it (RFC 3515,
// 5589).
#include <algorithm>

#include "sim/phone.h"

namespace tandem::sim {
namespace {

constexpr Duration kReleased = 20s;  // after the others talk

}  // namespace

void Phone::plan_transfer(PhoneCall& call) {
    const uint64_t number = call.number;
    const std::string& target = traits_.numbers[world_.rng().below(traits_.numbers.size())];
    const Duration moment = when(300ms, temper.talk_most / 2);
    if (world_.happens(temper.attended)) {
        world_.after(moment, [this, number, target] { consult(number, target); });
        return;
    }
    const std::string uri = "sip:" + target + "@" + traits_.domain;
    world_.after(moment, [this, number, uri] { refer(number, uri); });
    if (world_.happens(0.3)) {  // he does not wait for what becomes of it
        world_.after(moment + world_.between(50ms, 3s), [this, number] { hang_up(number); });
    }
}

void Phone::refer(uint64_t number, const std::string& refer_to) {
    PhoneCall* call = get(number);
    if (call == nullptr || !call->is_up() || retired_ || call->referring) return;
    if (call->reinviting || call->reinvite_cseq != 0 || call->offered_in_2xx) {
        world_.after(500ms, [this, number, refer_to] { refer(number, refer_to); });
        return;
    }
    call->referring = true;
    world_.count("phones: REFER sent");
    const std::string branch = new_branch();
    const std::string to = "Refer-To: <" + refer_to + ">\r\n";
    std::string wire =
        in_dialog(*call, "REFER", {++call->local_cseq, branch}, contact_line() + to, {});
    request(branch, "REFER", std::move(wire),
            [this, number](const sip::Message* response) { on_refer_response(number, response); });
}

// The other one waits, while the user asks a third one.
void Phone::consult(uint64_t number, const std::string& target) {
    const PhoneCall* call = get(number);
    const auto open =
        std::ranges::count_if(calls_, [](const auto& each) { return !each->is_over(); });
    if (!call->is_up() || retired_ || call->referring || open > 1) return;
    reinvite(number, true, true);
    world_.after(world_.between(200ms, 1s), [this, number, target] {
        if (!get(number)->is_up() || retired_) return;
        world_.count("phones: consultations");
        Phone::call(target);
        calls_.back()->consults_for = number;
    });
}

void Phone::join(uint64_t consultation) {
    const PhoneCall& there = *get(consultation);
    const PhoneCall& here = *get(there.consults_for);
    if (!there.is_up() || !here.is_up() || retired_) return give_up_consultation(there);
    const auto escaped = [](std::string_view text) {
        std::string all;
        for (const char c : text) all += c == '@' ? std::string("%40") : std::string(1, c);
        return all;
    };
    world_.count("phones: REFER with Replaces");
    refer(here.number, "sip:" + there.dialled + "@" + traits_.domain + "?Replaces=" +
                           escaped(there.call_id) + "%3Bto-tag%3D" + tag_of(there.remote_address) +
                           "%3Bfrom-tag%3D" + tag_of(there.local_address));
}

void Phone::give_up_consultation(const PhoneCall& consultation) {
    if (consultation.consults_for != 0) reinvite(consultation.consults_for, false, true);
}

// RFC 3891 3: the INVITE takes the place of a dialog of ours.
bool Phone::replace(PhoneCall& call, const sip::Message& invite) {
    const auto replaces = invite.replaces();
    if (!replaces || !*replaces) return false;
    world_.count("phones: INVITE with Replaces heard");
    const PhoneCall* old = find((*replaces)->call_id);
    if (old == nullptr || !old->is_up()) {
        reject(call.number, 481);
        return true;
    }
    answer(call.number);
    hang_up(old->number);
    return true;
}

void Phone::on_refer_response(uint64_t number, const sip::Message* response) {
    PhoneCall& call = *get(number);
    if (response != nullptr && response->status() < 200) return;
    const int status = response == nullptr ? 0 : response->status();
    world_.count("phones: REFER answered " + std::to_string(status));
    if (status < 200 || status >= 300) call.referring = false;
}

// RFC 3515 2.4.5: the body is the status line of what became of it.
void Phone::on_notify(PhoneCall& call, const sip::Message& notify) {
    if (!call.referring) return;
    const std::string_view body = notify.body();
    if (body.starts_with("SIP/2.0 1")) return;
    call.referring = false;
    if (!body.starts_with("SIP/2.0 2")) return world_.count("phones: transfers that failed");
    world_.count("phones: transfers that were made");
    call.transferred = true;
    // The site lets us go; until then we are in the way of two who talk.
    world_.after(kReleased, [this, number = call.number, from = world_.time()] {
        if (get(number)->is_over()) return;
        if (!watcher_.is_excused(traits_.index, from, world_.time())) {
            world_.fail("phone " + std::to_string(traits_.index) +
                        " transferred a call and was not let go");
        }
        hang_up(number);
    });
}

}  // namespace tandem::sim
