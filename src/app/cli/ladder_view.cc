#include "app/cli/ladder_view.h"

#include <algorithm>
#include <vector>

#include "app/cli/show.h"

namespace tandem::cli {
namespace {

constexpr size_t kColumn = 34;  // distance of two life lines

std::string centred(const std::string& text, size_t width) {
    if (text.size() >= width) return text.substr(0, width);
    const size_t left = (width - text.size()) / 2;
    return std::string(left, ' ') + text + std::string(width - text.size() - left, ' ');
}

// "INVITE" of a request, "180 Ringing" of a response, with the CSeq's method where it helps.
std::string label_of(const std::string& text) {
    std::string line = text.substr(0, text.find_first_of("\r\n"));
    if (line.starts_with("SIP/2.0 ")) return line.substr(8);
    return line.substr(0, line.find(' '));
}

std::string arrow(const std::string& label, bool to_right) {
    const size_t room = kColumn - 4;
    std::string shown = " " + label.substr(0, room - 4) + " ";
    std::string line(room, '-');
    line.replace((room - shown.size()) / 2, shown.size(), shown);
    return to_right ? line + ">" : "<" + line;
}

}  // namespace

std::string ladder_text(const boost::json::array& entries, bool full) {
    std::vector<int64_t> legs;
    std::vector<std::string> heads;
    for (const auto& entry : entries) {
        const int64_t leg = entry.at("leg").to_number<int64_t>();
        if (std::find(legs.begin(), legs.end(), leg) != legs.end()) continue;
        legs.push_back(leg);
        heads.push_back(cell(entry, "remote"));
    }
    std::string out(14, ' ');
    for (const std::string& head : heads) out += centred(head, kColumn);
    out += centred("tandem", kColumn / 2) + "\n";
    for (const auto& entry : entries) {
        const int64_t leg = entry.at("leg").to_number<int64_t>();
        const auto column =
            static_cast<size_t>(std::find(legs.begin(), legs.end(), leg) - legs.begin());
        const std::string text = cell(entry, "text");
        const std::string at = cell(entry, "at");
        out += (at.size() > 12 ? at.substr(11, 12) : at) + "  ";
        for (size_t i = 0; i < legs.size(); ++i) {
            const bool here = i == column;
            const std::string body =
                here ? arrow(label_of(text), cell(entry, "direction") == "in") : "";
            out += "|" + (here ? " " + body + std::string(kColumn - 2 - body.size(), ' ')
                               : std::string(kColumn - 1, ' '));
        }
        out += "|\n";
        if (full) out += text + "\n";
    }
    return out;
}

}  // namespace tandem::cli
