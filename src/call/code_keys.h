// Feature codes that are pressed during a call: whose keys the media gate is to tell, what each
// party has pressed so far, and the transfer that it leads to. Keys come as telephone events (RFC
// 4733), which pass to the other party all the same, or in INFO, where those of a code end here.
//
// A part of Call, which it may look into. What is half pressed is lost with the owner of the call.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "call/call_context.h"
#include "call/key_collector.h"
#include "ports/media_port.h"
#include "sip/dialog/leg_event.h"

namespace tandem::call {

class Call;
class CallValues;

class CodeKeys {
 public:
    // After each step: who talks now, and whether his domain has codes for him.
    void settle(Call& call, CallContext& ctx);
    void on_event(Call& call, CallContext& ctx, const ports::MediaEvent& event);
    // The party hears the others again: a tone has been heard.
    void on_played(const CallValues& call, uint32_t termination);
    // True: it is part of a code, and answered.
    bool on_info(Call& call, CallContext& ctx, uint8_t leg, sip::LegEvent& event);
    void on_timeout(Call& call, CallContext& ctx);
    std::optional<Instant> next_deadline() const;
    // Whose transfer has failed, and who is to hear that.
    bool is_told_of_failure(uint8_t leg) const { return failed_ == leg; }

 private:
    // A phone that tells of a key in both ways is believed in the one that came first.
    enum class Source : uint8_t { None, Media, Info };
    struct Keypad {
        uint8_t leg = 0;
        std::vector<KeyCode> codes;  // as they were when it began to talk; none: not listened to
        KeyCollector collector;
        Source source = Source::None;
        std::vector<sip::Payload> held;  // of INFO, for each key held
    };
    Keypad* keypad_of(uint8_t leg);
    static std::vector<KeyCode> codes_now(const CallValues& call, const Keypad& keypad);
    void take_stock(Call& call, CallContext& ctx);
    void use(Call& call, CallContext& ctx, Keypad& keypad, const KeyCollector::Outcome& outcome);
    void tell_failure(const CallValues& call, uint8_t leg);
    void pass_on(Call& call, CallContext& ctx, Keypad& keypad, size_t count);

    std::vector<Keypad> keypads_;   // of the two who talk
    bool gate_is_due_ = false;      // it is to be told whose keys are wanted
    std::optional<uint8_t> asked_;  // whose transfer by keys is under way
    std::optional<uint8_t> failed_;
};

}  // namespace tandem::call
