"use strict";
(function () {
  document.querySelectorAll(".all").forEach(function (both) {
    both.hidden = false;
    both.addEventListener("click", function (event) {
      if (!event.target.matches("button")) { return; }
      both.closest("fieldset").querySelectorAll(".toggle input").forEach(function (box) { box.checked = event.target.dataset.all === "1"; });
    });
  });
  document.querySelectorAll("[data-place]").forEach(function (item) {
    var picture = (item.closest("article") || document).querySelector(".picture");
    function mark(on) {
      document.querySelectorAll(".picture ." + item.dataset.place).forEach(function (shape) { shape.classList.toggle("lit", on); });
      picture.classList.toggle("dim", on);
    }
    item.addEventListener("mouseenter", function () { mark(true); });
    item.addEventListener("mouseleave", function () { mark(false); });
    item.addEventListener("focusin", function () { mark(true); });
    item.addEventListener("focusout", function () { mark(false); });
  });
})();
