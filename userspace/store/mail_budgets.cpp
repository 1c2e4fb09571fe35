// SPDX-License-Identifier: Apache-2.0
#include "store/mail_budgets.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "model/mail.h"

namespace npanel {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kNsAMs = 1'000'000;
constexpr uint64_t kStepsMost = NP_MAIL_CELLS_A_WINDOW;  // what is older does not count
constexpr auto kWindows = {NP_MAIL_QUARTER, NP_MAIL_HOUR, NP_MAIL_DAY};

// By steps: how many cells ago.
using Steps = std::array<np_mail_amount, kStepsMost + 1>;

Json cells_of(const np_mail_budget& budget, np_mail_window window, uint64_t now_ns) {
  const uint64_t newest = newest_cell(budget, window, now_ns);
  Json cells = Json::array();
  for (uint64_t steps = 0; steps <= kStepsMost; ++steps) {
    const np_mail_amount began = sent_before(budget, window, newest - steps);
    const np_mail_amount ended = sent_before(budget, window, newest - steps + 1);
    const np_mail_amount cell = np_mail_difference(&ended, &began);
    if (cell.messages != 0 || cell.recipients != 0 || cell.bytes != 0)
      cells.push_back({steps, cell.messages, cell.recipients, cell.bytes});
  }
  return cells;
}

// Somebody may have edited it by hand.
std::optional<std::array<uint64_t, 4>> numbers_of(const Json& cell) {
  if (!cell.is_array() || cell.size() != 4) return std::nullopt;
  std::array<uint64_t, 4> numbers{};
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!cell[i].is_number_unsigned()) return std::nullopt;
    numbers[i] = cell[i].get<uint64_t>();
  }
  constexpr uint64_t kCount = std::numeric_limits<__u32>::max();
  if (numbers[0] > kStepsMost || numbers[1] > kCount || numbers[2] > kCount) return std::nullopt;
  return numbers;
}

// `older`: by how many cells they moved back since; less than 0: this boot's cell began later than that of then.
std::optional<Steps> steps_of(const Json& cells, int64_t older) {
  if (!cells.is_array()) return std::nullopt;
  Steps found{};
  for (const Json& cell : cells) {
    const auto numbers = numbers_of(cell);
    if (!numbers) return std::nullopt;
    const int64_t moved = std::max<int64_t>(static_cast<int64_t>((*numbers)[0]) + older, 0);
    const auto steps = static_cast<uint64_t>(moved);
    if (steps > kStepsMost) continue;
    const np_mail_amount amount{.messages = static_cast<__u32>((*numbers)[1]),
                                .recipients = static_cast<__u32>((*numbers)[2]),
                                .bytes = (*numbers)[3]};
    np_mail_add(&found[steps], &amount);
  }
  return found;
}

// Counts wrap, and only differences count: what was sent in all may as well be 0.
void put_marks(np_mail_budget& budget, np_mail_window window, const Steps& cells) {
  const uint64_t newest = budget.cell / np_mail_cells_a_step(window);
  np_mail_amount before = budget.sent;
  for (uint64_t steps = 0; steps < NP_MAIL_CELLS; ++steps) {
    if (steps < cells.size()) before = np_mail_difference(&before, &cells[steps]);
    budget.marks[window][(newest - steps) % NP_MAIL_CELLS] = before;
  }
  budget.before[window] = budget.marks[window][(newest - kStepsMost) % NP_MAIL_CELLS];
}

// What was charged must count for the whole window, however cells lie now that another boot's clock divides them: a
// cell whose end of then may lie within a cell of now counts as this one (so for up to two cells longer, never
// shorter).
int64_t cells_older(uint64_t older_ns, uint64_t now_ns, np_mail_window window) {
  const auto cell_ns = static_cast<int64_t>(NP_MAIL_CELL_NS * np_mail_cells_a_step(window));
  const int64_t since_ns = static_cast<int64_t>(older_ns) - static_cast<int64_t>(now_ns) % cell_ns;
  return since_ns < 0 ? -1 : since_ns / cell_ns;
}

std::optional<np_mail_budget> budget_of(const std::string& text, uint64_t older_ns, uint64_t now_ns) {
  const Json windows = Json::parse(text, nullptr, false);
  if (!windows.is_array() || windows.size() != NP_MAIL_WINDOWS) return std::nullopt;
  np_mail_budget budget{};
  budget.cell = newest_cell(budget, NP_MAIL_QUARTER, now_ns);
  for (const np_mail_window window : kWindows) {
    const auto cells = steps_of(windows[window], cells_older(older_ns, now_ns, window));
    if (!cells) return std::nullopt;
    put_marks(budget, window, *cells);
  }
  return budget;
}

}  // namespace

std::vector<StoredBudget> read_budgets(SQLite::Database& database, int64_t now_ms, uint64_t now_ns) {
  std::vector<StoredBudget> found;
  SQLite::Statement row(database, "SELECT account, saved_ms, cells FROM mail_budget");
  while (row.executeStep()) {
    StoredBudget stored{.account = row.getColumn(0).getString(), .saved_ms = row.getColumn(1).getInt64()};
    const auto older_ms = static_cast<uint64_t>(std::max<int64_t>(now_ms - stored.saved_ms, 0));
    const auto budget = budget_of(row.getColumn(2).getString(), older_ms * kNsAMs, now_ns);
    if (!budget) continue;
    stored.budget = *budget;
    found.push_back(std::move(stored));
  }
  return found;
}

void write_budget(SQLite::Database& database, const StoredBudget& stored, uint64_t now_ns) {
  Json windows = Json::array();
  for (const np_mail_window window : kWindows) windows.push_back(cells_of(stored.budget, window, now_ns));
  SQLite::Statement row(database, "INSERT OR REPLACE INTO mail_budget (account, saved_ms, cells) VALUES (?, ?, ?)");
  row.bind(1, stored.account);
  row.bind(2, stored.saved_ms);
  row.bind(3, windows.dump());
  row.exec();
}

void erase_budget_of(SQLite::Database& database, const std::string& account) {
  SQLite::Statement row(database, "DELETE FROM mail_budget WHERE account = ?");
  row.bind(1, account);
  row.exec();
}

}  // namespace npanel
