// Tables for people: columns as wide as their widest value.
#pragma once

#include <string>
#include <vector>

namespace tandem::cli {

class Table {
 public:
    explicit Table(std::vector<std::string> heads) : rows_{std::move(heads)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.size() == 1; }
    std::string text() const;

 private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace tandem::cli
