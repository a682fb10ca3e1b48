#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "wire/frame.h"

// What decodes must encode again, and to something that decodes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto frame = wire::decode(bytes);
    if (!frame) return 0;
    std::string again;
    if (const auto* letter = std::get_if<ports::Letter>(&*frame)) {
        if (!wire::append_letter(again, *letter)) return 0;
    } else if (const auto* hello = std::get_if<wire::Hello>(&*frame)) {
        CHECK(wire::append_hello(again, *hello).has_value());
    } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&*frame)) {
        CHECK(wire::append_heartbeat(again, *heartbeat).has_value());
    }
    wire::FrameCutter cutter;
    cutter.push(again);
    const auto cut = cutter.pop();
    CHECK(cut.has_value() && cut->has_value());
    CHECK(wire::decode(**cut).has_value());
    return 0;
}
