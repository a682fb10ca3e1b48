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
    } else if (const auto* join = std::get_if<ports::ServerJoin>(&*frame)) {
        CHECK(wire::append_join(again, *join).has_value());
    } else if (const auto* joined = std::get_if<wire::JoinReply>(&*frame)) {
        CHECK(wire::append_join_reply(again, *joined).has_value());
    } else if (const auto* request = std::get_if<wire::CertificateRequest>(&*frame)) {
        CHECK(wire::append_certificate_request(again, *request).has_value());
    } else if (const auto* reply = std::get_if<wire::CertificateReply>(&*frame)) {
        CHECK(wire::append_certificate_reply(again, *reply).has_value());
    }
    wire::FrameCutter cutter;
    cutter.push(again);
    const auto cut = cutter.pop();
    CHECK(cut.has_value() && cut->has_value());
    CHECK(wire::decode(**cut).has_value());
    return 0;
}
