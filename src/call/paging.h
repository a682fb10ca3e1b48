// A page: the caller is heard by many phones, which were asked to answer by themselves, and hears
// none of them. He is answered with the first of them; each may leave alone, and the page is over
// when he hangs up or nobody is left. Each of them has the sound of the caller as it comes, or,
// where it has agreed on the other G.711, made into that by the gate. Nothing of it is a talk of
// two: no hold, transfer or third party.
//
// A part of Call, which it may look into. docs/decisions/0030.
#pragma once

#include <cstdint>
#include <vector>

#include "call/call_context.h"
#include "call/phase.h"
#include "ports/media_port.h"
#include "sip/dialog/leg_event.h"

namespace tandem::call {

class Call;
class CallValues;

class Paging {
 public:
    void plan(bool is_page) { is_page_ = is_page; }
    bool is_page() const { return is_page_; }

    // False: it is like that of any other call.
    bool on_event(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    // Whoever has not answered by now does not answer by himself.
    void on_time_over(Call& call, CallContext& ctx);
    // Those who hear the caller, or have heard him, are let go.
    void drop_all(Call& call, CallContext& ctx, int status, std::string_view reason);

    // Those who hear the caller, by their legs.
    std::vector<uint8_t> listeners(const CallValues& call) const;
    bool hears(const CallValues& call, uint8_t index) const;
    // Those who have come or gone, and what is new of the legs `changed`.
    void tell_gate(Call& call, CallContext& ctx, const std::vector<uint8_t>& changed);
    // Who hears whom, for the gate.
    std::vector<std::pair<uint32_t, uint32_t>> heard(const CallValues& call) const;
    // What a leg hears mixed; empty: just what the caller sends.
    std::vector<uint8_t> voices_for(const CallValues& call, uint8_t index) const;

 private:
    bool on_incoming(Call& call, CallContext& ctx, sip::LegEvent& event);
    void on_offer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    bool on_answer_in_ack(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    static void offer_again(Call& call, CallContext& ctx, uint8_t index,
                            const sip::LegEvent& event);
    void forget(Call& call, CallContext& ctx, uint8_t index, std::string_view reason,
                ReleasedBy by);
    void on_provisional(Call& call, CallContext& ctx, uint8_t index, int status);
    void on_answered(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_failed(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_left(Call& call, CallContext& ctx, uint8_t index, const sip::LegEvent& event);

    bool is_page_ = false;
};

}  // namespace tandem::call
