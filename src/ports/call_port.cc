#include "ports/call_port.h"

namespace tandem::ports {

std::string_view to_string(CallPhase phase) {
    switch (phase) {
        case CallPhase::Routing:
            return "routing";
        case CallPhase::Ringing:
            return "ringing";
        case CallPhase::Answered:
            return "answered";
        case CallPhase::Held:
            return "held";
        case CallPhase::Ending:
            return "ending";
        case CallPhase::Parked:
            return "parked";
    }
    return "ending";
}

std::string_view to_string(CallEvent::Kind kind) {
    switch (kind) {
        case CallEvent::Kind::State:
            return "state";
        case CallEvent::Kind::Begun:
            return "begun";
        case CallEvent::Kind::Ringing:
            return "ringing";
        case CallEvent::Kind::Answered:
            return "answered";
        case CallEvent::Kind::Held:
            return "held";
        case CallEvent::Kind::Resumed:
            return "resumed";
        case CallEvent::Kind::Changed:
            return "changed";
        case CallEvent::Kind::Ended:
            return "ended";
    }
    return "state";
}

}  // namespace tandem::ports
