// A packet as anybody could send it to a gate: at most one message comes of it, and what goes back
// out is SIP.
#include <cstdint>
#include <cstdlib>

#include "roles/sip_gate/sip_gate.h"
#include "sip/parser.h"
#include "store/catalog.h"

using namespace tandem;
using namespace tandem::border;
using namespace tandem::roles::sip_gate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ports::Instance self{1};
    ports::Directory directory;
    directory.replace({{self, ports::RoleKind::SipGate},
                       {{2}, ports::RoleKind::B2bua},
                       {{3}, ports::RoleKind::Registrar}});
    const store::Catalog catalog;
    const ports::TokenMint tokens({1, 2});
    SeededRng rng(1);
    const ports::Surroundings around{self, directory, catalog, tokens, rng};
    SipGate gate(around, {3, 4});
    ports::Outbox out;
    GateSettings settings;
    ListenerSettings listener;
    listener.number = 1;
    listener.bind = *SocketAddress::parse("192.0.2.1:5060");
    settings.listeners.push_back(listener);
    gate.apply(settings, out);
    (void)out.take();
    const Now now{{1000s}, {1'790'000'000'000}};
    const ports::Flow flow{self, ports::Transport::Udp, 1, 0,
                           *SocketAddress::parse("203.0.113.9:5060")};
    ports::PacketIn packet{flow, listener.bind, std::string(as_text({data, size}))};
    gate.on_letter(now, {ports::kTransport, self, 0, std::move(packet)}, out);
    const auto letters = out.take();
    if (letters.size() > 1) std::abort();
    for (const ports::Letter& letter : letters) {
        const auto* answer = get_if<ports::PacketOut>(&letter.payload);
        if (answer && !sip::parse_message(answer->bytes)) std::abort();
    }
    return 0;
}
