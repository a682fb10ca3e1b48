// A stream gives the same messages however it is cut into pieces.
#include <string>
#include <vector>

#include "base/check.h"
#include "sip/framer.h"

namespace tandem::sip {
namespace {

// The messages of the stream as text, each rejection and the final fault as a word. Keep-alives are
// left out: how many of them are told apart depends on the pieces.
std::string run(std::string_view stream, size_t piece) {
    StreamFramer framer;
    std::string out;
    while (!stream.empty()) {
        framer.push(stream.substr(0, piece));
        stream.remove_prefix(std::min(piece, stream.size()));
        while (true) {
            auto item = framer.pop();
            if (!item) return out + "broken";
            if (!item->has_value()) break;
            if (const auto* message = std::get_if<Message>(&**item)) message->serialize(out);
            if (std::holds_alternative<StreamRejected>(**item)) out += "rejected";
        }
    }
    return out;
}

}  // namespace
}  // namespace tandem::sip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::sip;
    if (size == 0) return 0;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
    const size_t piece = data[0] % 64 + 1;
    CHECK(run(stream, piece) == run(stream, std::max<size_t>(stream.size(), 1)));
    return 0;
}
