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

}  // namespace tandem::ports
