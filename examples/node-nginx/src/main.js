import "./page.css";
import { greeting } from "./greeting.js";

document.querySelector("#page").textContent = greeting(window.location.pathname);
