// Any datagram parses or fails, every view lies within it, and answers are themselves well formed.
#include <array>

#include "base/check.h"
#include "stun/ice_lite.h"
#include "stun/message.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const BytesView datagram(data, size);
    const SocketAddress source = *SocketAddress::parse("192.0.2.1:4000");
    std::array<uint8_t, 256> out;
    const BytesView answer = stun::answer_binding(datagram, source, out);
    if (!answer.empty()) {
        const auto parsed = stun::Message::parse(answer);
        CHECK(parsed.has_value());
        CHECK(parsed->error_code() || parsed->mapped_address() == source);
    }
    stun::IceLite agent({"user", "password"}, "");
    const auto checked = agent.on_message(source, datagram, out);
    CHECK(!checked.nominated || checked.valid);
    CHECK(checked.response.empty() || stun::Message::parse(checked.response)->has_fingerprint());

    const auto message = stun::Message::parse(datagram);
    if (!message) return 0;
    for (const auto& attribute : message->attributes())
        CHECK(attribute.offset + 4 + attribute.value.size() <= size);
    message->has_integrity(as_bytes("key"));
    message->mapped_address();
    message->error_code();
    message->priority();
    return 0;
}
