"""How far two scans are apart: RMSE, PSNR, SSIM, LPIPS, and whether a budget was kept."""
