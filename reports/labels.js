const main = document.getElementById("answers");
const rows = () =>
  [...main.querySelectorAll("fieldset")].flatMap((field) => {
    const chosen = field.querySelector("input:checked");
    const { suite, case: id, sample } = field.dataset;
    return chosen ? [{ suite, case: id, sample: Number(sample), label: chosen.value }] : [];
  });
const count = () => {
  const left = main.querySelectorAll("fieldset").length - rows().length;
  document.getElementById("left").textContent = left ? `${left} without a label` : "all labelled";
};
main.addEventListener("change", count);
document.getElementById("save").addEventListener("click", () => {
  const text = JSON.stringify({ receipts_digest: main.dataset.receipts, rows: rows() }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "labels.json";
  link.click();
});
count();
